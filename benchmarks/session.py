"""A signed-in browser of the product: through its own sign-in form, with its own CSRF token."""

import re
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from benchmarks.load import Client

EMAIL, PASSWORD = "maya@revivatech.example", "demo-shop-2026"
_TOKEN = re.compile(r'name="csrf[_-]token" (?:value|content)="([^"]+)"')


class Browser:
    """Cookies and token of one person; `headers` serve any number of connections."""

    def __init__(self, url: str, *, email: str = EMAIL):
        self.url, self._jar = url, SimpleCookie()
        client = Client(url)
        token = self._token(client, "/login")
        form = urlencode({"csrf_token": token, "email": email, "password": PASSWORD})
        status, headers, _ = client.post("/login", form, **self.headers)
        if status != 303 and status != 302:
            raise SystemExit(f"The sign-in of {email} answered {status}")
        self._keep(headers)
        self.token = self._token(client, "/admin/repairs/")
        client.close()

    @property
    def headers(self) -> dict[str, str]:
        cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in self._jar.items())
        return {"Cookie": cookies} if cookies else {}

    def _token(self, client: Client, path: str) -> str:
        status, headers, body = client.send(path, **self.headers)
        self._keep(headers)
        found = _TOKEN.search(body.decode())
        if status != 200 or not found:
            raise SystemExit(f"{path} answered {status} without a token")
        return found[1]

    def _keep(self, headers) -> None:
        for line in headers.get_all("Set-Cookie") or []:
            self._jar.load(line)
