-- The shop's rows in the shape that an admin peer expects, with the indexes that its own declarations give:
-- unique ticket, foreign keys, status, due date. Kept apart from ours in a schema of its own.
DROP SCHEMA IF EXISTS :schema CASCADE;
CREATE SCHEMA :schema;
CREATE TABLE :schema.technicians (id int PRIMARY KEY, name varchar(120) NOT NULL);
INSERT INTO :schema.technicians SELECT id, name FROM public.staff;
CREATE TABLE :schema.customers (
    id int PRIMARY KEY, name varchar(120) NOT NULL, email varchar(254) NOT NULL, phone varchar(20) NOT NULL
);
INSERT INTO :schema.customers SELECT id, name, email, phone FROM public.customers;
CREATE TABLE :schema.devices (id int PRIMARY KEY, label varchar(160) NOT NULL);
INSERT INTO :schema.devices SELECT id, label FROM public.devices;
CREATE TABLE :schema.repairs (
    id int PRIMARY KEY,
    ticket varchar(16) NOT NULL,
    customer_id int NOT NULL,
    device_id int NOT NULL,
    technician_id int,
    status varchar(20) NOT NULL,
    is_open boolean NOT NULL,
    priority smallint NOT NULL,
    due_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    problem text NOT NULL
);
INSERT INTO :schema.repairs
SELECT id, number, customer_id, device_id, assignee_id, status, is_open, priority, due_at, updated_at, problem
FROM public.repairs ORDER BY id;
ALTER TABLE :schema.repairs
    ADD CONSTRAINT repairs_ticket_key UNIQUE (ticket),
    ADD FOREIGN KEY (customer_id) REFERENCES :schema.customers,
    ADD FOREIGN KEY (device_id) REFERENCES :schema.devices,
    ADD FOREIGN KEY (technician_id) REFERENCES :schema.technicians;
CREATE INDEX ON :schema.repairs (status);
CREATE INDEX ON :schema.repairs (due_at);
CREATE INDEX ON :schema.repairs (customer_id);
CREATE INDEX ON :schema.repairs (device_id);
CREATE INDEX ON :schema.repairs (technician_id);
