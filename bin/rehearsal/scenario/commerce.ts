import pg from 'pg'
import type { Loaded, Say } from './scenario.ts'

const TABLES = `
create schema shop;
set search_path = shop;

create table clients (
  id uuid not null default gen_random_uuid(), name text not null, slug text not null,
  settings jsonb not null default '{}', created_at timestamptz not null default now());
create table sites (
  id uuid not null default gen_random_uuid(), client_id uuid not null, name text not null, domain text,
  status text not null default 'draft' check (status in ('draft', 'active', 'inactive')),
  branding jsonb not null default '{}', created_at timestamptz not null default now());
create table catalogs (
  id uuid not null default gen_random_uuid(), name text not null,
  type text not null check (type in ('erp', 'manual', 'vendor', 'dropship')),
  pricing_rules jsonb not null default '{}', created_at timestamptz not null default now());
create table products (
  id bigint generated always as identity, catalog_id uuid not null, sku text not null, name text not null,
  description text, price numeric(10, 2) not null, currency char(3) not null default 'USD',
  attributes jsonb not null default '{}', inventory_count integer not null default 0,
  updated_at timestamptz not null default now());
create table orders (
  id bigint generated always as identity, client_id uuid not null, site_id uuid not null, order_number text not null,
  customer_name text not null, customer_email text not null, status text not null default 'pending',
  total_amount numeric(10, 2) not null, items jsonb not null, created_at timestamptz not null default now(),
  updated_at timestamptz not null default now());
create table site_product_exclusions (
  site_id uuid not null, product_id bigint not null, reason text, created_at timestamptz not null default now());
create table events (
  client_id uuid not null, site_id uuid not null, event_type text not null, session_id text,
  event_data jsonb not null, created_at timestamptz not null default now()) partition by range (created_at);
create table events_past partition of events for values from (minvalue) to (date_trunc('month', now()));
create table events_present partition of events for values from (date_trunc('month', now())) to (maxvalue);
create table audit_log (at timestamptz not null default clock_timestamp(), what text not null, detail jsonb);

create function touch() returns trigger language plpgsql as $$
begin
  new.updated_at := clock_timestamp();
  return new;
end $$;
create trigger touch before update on products for each row execute function touch();
create trigger touch before update on orders for each row execute function touch();
`

const KEYS = `
alter table clients add primary key (id), add unique (slug);
alter table catalogs add primary key (id);
alter table sites add primary key (id), add foreign key (client_id) references clients;
alter table products add primary key (id), add unique (catalog_id, sku), add foreign key (catalog_id) references catalogs;
alter table orders add primary key (id), add unique (order_number), add foreign key (site_id) references sites;
alter table site_product_exclusions add primary key (site_id, product_id),
  add foreign key (product_id) references products on delete cascade;
create index on orders (status) where status = 'pending';
create index on events (created_at);
`

/** Share of the asked rows each big table gets; the remaining small tables come on top. */
const SHARES = { products: 0.2, exclusions: 0.1, orders: 0.3, events: 0.4 } as const

/** The INSERTs, in an order in which every reference exists; `n` is a table's number of rows. */
function fills(rows: number): readonly { table: string; sql: string }[] {
  const n = (share: keyof typeof SHARES) => Math.max(1, Math.floor(rows * SHARES[share]))
  const pick = (table: string, by: string) =>
    `(select array_agg(id order by id) from ${table})[1 + ${by} % (select count(*) from ${table})]`
  return [
    {
      table: 'clients',
      sql: `insert into clients (name, slug) select 'Client ' || i, 'client-' || i from generate_series(1, 20) i`,
    },
    {
      table: 'sites',
      sql: `insert into sites (client_id, name, domain, status) select ${pick('clients', 'i')}, 'Site ' || i, 'site-' || i || '.example', 'active' from generate_series(1, 100) i`,
    },
    {
      table: 'catalogs',
      sql: `insert into catalogs (name, type) select 'Catalog ' || i, (array['erp','manual','vendor','dropship'])[1 + i % 4] from generate_series(1, 40) i`,
    },
    {
      table: 'products',
      sql: `insert into products (catalog_id, sku, name, description, price, attributes, inventory_count)
        select c.ids[1 + i % 40], 'SKU-' || i, 'Product ' || i, repeat('gift ', 4 + i % 12), (i % 90000) / 100.0,
               jsonb_build_object('colour', i % 12, 'size', i % 5), i % 500
        from generate_series(1, ${n('products')}) i, (select array_agg(id) ids from catalogs) c`,
    },
    {
      table: 'site_product_exclusions',
      sql: `insert into site_product_exclusions (site_id, product_id, reason)
        select s.ids[1 + (i / ${n('products')})::int % 100], 1 + i % ${n('products')}, 'not for this site'
        from generate_series(0, ${n('exclusions')} - 1) i, (select array_agg(id) ids from sites) s`,
    },
    {
      table: 'orders',
      sql: `insert into orders (client_id, site_id, order_number, customer_name, customer_email, status, total_amount, items)
        select s.clients[1 + i % 100], s.ids[1 + i % 100], 'ORD-' || i, 'Customer ' || i % 9000, 'c' || i % 9000 || '@example.com',
               (array['pending','paid','shipped','done'])[1 + i % 4], (i % 50000) / 100.0,
               jsonb_build_array(jsonb_build_object('sku', 'SKU-' || i % 1000, 'qty', 1 + i % 3))
        from generate_series(1, ${n('orders')}) i, (select array_agg(id order by id) ids, array_agg(client_id order by id) clients from sites) s`,
    },
    {
      table: 'events',
      sql: `insert into events (client_id, site_id, event_type, session_id, event_data, created_at)
        select s.clients[1 + i % 100], s.ids[1 + i % 100], (array['page_view','product_view','add_to_cart'])[1 + i % 3],
               's' || i % 20000, jsonb_build_object('path', '/p/' || i % 5000), now() - (i % 5000000) * interval '1 second'
        from generate_series(1, ${n('events')}) i, (select array_agg(id order by id) ids, array_agg(client_id order by id) clients from sites) s`,
    },
    {
      table: 'audit_log',
      sql: `insert into audit_log (what) select 'loaded ' || i from generate_series(1, 100) i`,
    },
  ]
}

/**
 * Fills schema `shop` with a commerce platform's tables: clients, sites, catalogs, products, orders, exclusions,
 * partitioned events and a log without a key. A schema of that name from an earlier rehearsal is replaced.
 */
export async function loadCommerce(connection: pg.ClientConfig, rows: number, say: Say): Promise<Loaded> {
  const started = performance.now()
  const client = new pg.Client({ ...connection, application_name: 'holdfast rehearse: load' })
  await client.connect()
  try {
    await client.query('drop schema if exists shop cascade')
    await client.query(TABLES)
    let loaded = 0
    const steps = fills(rows)
    for (const { table, sql } of steps) {
      say(`loading ${table} (${loaded.toLocaleString('en')} rows so far)`)
      loaded += (await client.query(sql)).rowCount ?? 0
    }
    say('building keys and indexes')
    await client.query(KEYS)
    await client.query('analyze')
    return {
      source: 'commerce sample',
      tables: steps.length,
      relations: [...steps.map(({ table }) => `shop.${table}`), 'shop.events_past', 'shop.events_present'],
      rows: loaded,
      seconds: (performance.now() - started) / 1_000,
      skipped: [],
      roles: [],
    }
  } finally {
    await client.end()
  }
}
