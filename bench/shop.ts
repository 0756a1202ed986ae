/** A shop's tables of `$1` rows: two thirds orders, a third events with JSON, and products. */
export const LOAD = `
create table public.orders (
  id bigint generated always as identity primary key, customer int not null, product int not null, quantity int,
  total numeric(12, 2), status text, note text, placed timestamptz, token uuid
);
insert into public.orders (customer, product, quantity, total, status, note, placed, token)
select g % 50000, g % 1000, g % 7, (g % 100000) / 100.0, (array['new', 'paid', 'sent'])[g % 3 + 1],
  'note for order ' || g, timestamptz '2026-01-01' + g * interval '1 s', md5(g::text)::uuid
from generate_series(1, $1 * 2 / 3) g;
create table public.events (id bigint primary key, at timestamptz, kind text, body jsonb);
insert into public.events
select g, timestamptz '2026-01-01' + g * interval '1 s', 'click', jsonb_build_object('page', g % 100, 'ref', md5(g::text))
from generate_series(1, $1 / 3) g;
create table public.products (id int primary key, name text, price numeric(8, 2));
insert into public.products select g, 'product ' || g, g / 3.0 from generate_series(1, 1000) g;
`
