# syntax=docker/dockerfile:1

FROM python:3.12-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
ENV PATH="/opt/venv/bin:$PATH"
WORKDIR /srv/shop
COPY constraints.txt requirements.txt ./
RUN pip install -r requirements.txt
COPY shop shop
RUN pybabel compile --directory shop/translations --domain messages \
 && python -m compileall -q shop

FROM python:3.12-slim
RUN groupadd --gid 10001 shop \
 && useradd --uid 10001 --gid shop --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin shop \
 && install --directory --owner shop --group shop --mode 0750 /data
ENV PATH="/opt/venv/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOST=0.0.0.0 \
    PORT=8000 \
    SHOP_DATA=/data
WORKDIR /srv/shop
COPY --from=build /opt/venv /opt/venv
COPY migrations migrations
COPY gunicorn.conf.py worker.py wsgi.py ./
COPY --from=build /srv/shop/shop shop
USER 10001:10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=2)"]
CMD ["gunicorn"]
