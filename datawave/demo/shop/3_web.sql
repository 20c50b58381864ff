create schema web;
comment on schema web is 'What the web shop and its visitors leave behind';

create table web.accounts (
    username text primary key,
    customer_id integer not null unique references crm.customers on delete cascade,
    password_hash text not null,
    reset_token text,
    failed_logins smallint not null default 0,
    last_login_ip inet
);

create table web.sessions (
    id uuid primary key,
    customer_id integer references crm.customers,
    started_at timestamptz not null,
    ended_at timestamptz,
    ip inet not null,
    user_agent text not null,
    country_code char(2),
    device text
);
comment on table web.sessions is 'Visits; kept for 13 months';

create table web.access_log (
    id bigint not null,
    at timestamptz not null,
    session_id uuid references web.sessions,
    client_ip inet not null,
    method text not null,
    url text not null,
    status smallint not null,
    bytes integer not null,
    milliseconds numeric(8, 2) not null,
    referrer text,
    user_agent text not null,
    primary key (id, at)
) partition by range (at);
comment on table web.access_log is 'One row a request, partitioned by quarter';
create table web.access_log_q1 partition of web.access_log for values from ('2026-01-01') to ('2026-04-01');
create table web.access_log_q2 partition of web.access_log for values from ('2026-04-01') to ('2026-07-01');

create table web.searches (
    session_id uuid not null references web.sessions,
    search_no smallint not null,
    words text not null,
    hits integer not null,
    clicked_product_id integer references sales.products,
    primary key (session_id, search_no)
);

create table web.carts (
    session_id uuid primary key references web.sessions on delete cascade,
    updated_at timestamptz not null,
    abandoned boolean not null
);

create table web.cart_items (
    session_id uuid not null references web.carts on delete cascade,
    product_id integer not null references sales.products,
    quantity smallint not null check (quantity > 0),
    primary key (session_id, product_id)
);
