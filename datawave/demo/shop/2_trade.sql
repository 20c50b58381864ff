create schema sales;
comment on schema sales is 'Products, orders, deliveries';
create schema finance;
comment on schema finance is 'Money: payments, invoices, rates';

create type sales.order_state as enum ('cart', 'placed', 'paid', 'shipped', 'delivered', 'cancelled');

create table finance.currencies (
    code char(3) primary key,
    name text not null,
    decimals smallint not null default 2
);

create table finance.exchange_rates (
    currency char(3) not null references finance.currencies,
    day date not null,
    euro numeric(12, 6) not null check (euro > 0),
    primary key (currency, day)
);
comment on table finance.exchange_rates is 'Worth of one unit in euro, at the end of the day';

create table sales.categories (
    id integer primary key,
    parent_id integer references sales.categories,
    name text not null,
    unique (parent_id, name)
);

create table sales.suppliers (
    id integer primary key,
    name text not null,
    contact_name text not null,
    contact_email text not null,
    country_code char(2) not null,
    rating numeric(2, 1) check (rating between 0 and 5)
);

create table sales.products (
    id integer primary key,
    sku text not null unique,
    ean char(13) not null unique,
    name text not null,
    category_id integer not null references sales.categories,
    supplier_id integer not null references sales.suppliers,
    colours text[] not null,
    weight_grams integer check (weight_grams > 0),
    cost numeric(10, 2) not null,
    price numeric(10, 2) not null check (price >= 0),
    margin numeric(10, 2) generated always as (price - cost) stored,
    active boolean not null default true
);
comment on table sales.products is 'The assortment, also what is no longer sold';
comment on column sales.products.price is 'In euro, with tax';

create table sales.product_prices (
    product_id integer not null references sales.products,
    valid_from date not null,
    price numeric(10, 2) not null,
    primary key (product_id, valid_from)
);

create table sales.stores (
    id smallint primary key,
    name text not null,
    street text not null,
    postal_code text not null,
    city text not null,
    country_code char(2) not null,
    latitude numeric(8, 5) not null check (latitude between -90 and 90),
    longitude numeric(8, 5) not null check (longitude between -180 and 180),
    phone text not null,
    opened_on date not null
);

create table sales.coupons (
    code text primary key,
    percent smallint not null check (percent between 1 and 90),
    valid_until date,
    owner_id integer references crm.customers
);

create table sales.orders (
    id integer primary key,
    order_no text not null unique,
    customer_id integer not null references crm.customers,
    delivery_address_no smallint,
    store_id smallint references sales.stores,
    coupon_code text references sales.coupons,
    state sales.order_state not null,
    currency char(3) not null references finance.currencies,
    placed_at timestamptz not null,
    note text,
    foreign key (customer_id, delivery_address_no) references crm.addresses
);
comment on table sales.orders is 'One row an order, from the web and from the stores';
comment on column sales.orders.note is 'What the customer asked the driver to do';
create index on sales.orders (customer_id);
create index on sales.orders (placed_at);

create table sales.order_lines (
    order_id integer not null references sales.orders on delete cascade,
    line_no smallint not null,
    product_id integer not null references sales.products,
    quantity integer not null check (quantity > 0),
    unit_price numeric(10, 2) not null,
    discount_percent smallint not null default 0,
    primary key (order_id, line_no)
);

create table sales.carriers (
    id smallint primary key,
    name text not null,
    tracking_url text
);

create table sales.shipments (
    id integer primary key,
    order_id integer not null references sales.orders,
    carrier_id smallint not null references sales.carriers,
    tracking_no text unique,
    sent_at timestamptz not null,
    delivered_at timestamptz,
    signed_by text
);
comment on column sales.shipments.signed_by is 'Name of whoever took the parcel';

create table sales.shipment_lines (
    shipment_id integer not null references sales.shipments on delete cascade,
    order_id integer not null,
    line_no smallint not null,
    quantity integer not null,
    primary key (shipment_id, order_id, line_no),
    foreign key (order_id, line_no) references sales.order_lines
);

create table sales.returns (
    id integer primary key,
    order_id integer not null,
    line_no smallint not null,
    reason text not null,
    received_on date,
    foreign key (order_id, line_no) references sales.order_lines
);

create table sales.reviews (
    product_id integer not null references sales.products,
    customer_id integer not null references crm.customers,
    stars smallint not null check (stars between 1 and 5),
    title text,
    review text,
    written_at timestamptz not null,
    primary key (product_id, customer_id)
);

create table sales.delivery_vans (
    vin char(17) primary key,
    plate text not null unique,
    store_id smallint references sales.stores,
    driver_id integer references staff.employees,
    kilometres integer not null default 0
);
comment on table sales.delivery_vans is 'Our own vans';

create table staff.shifts (
    store_id smallint not null references sales.stores,
    employee_id integer not null references staff.employees,
    day date not null,
    starts time not null,
    hours interval not null,
    primary key (employee_id, day)
);

create table finance.payments (
    id bigint primary key,
    order_id integer not null references sales.orders,
    method text not null check (method in ('card', 'transfer', 'invoice')),
    amount numeric(12, 2) not null,
    currency char(3) not null references finance.currencies,
    card_brand text,
    card_number text,
    card_holder text,
    card_expiry char(5),
    cvv char(4),
    paid_at timestamptz not null,
    provider_reference uuid not null
);
comment on table finance.payments is 'Money received';
comment on column finance.payments.card_number is 'In clear since the move to the new provider; to be replaced by a token';
comment on column finance.payments.cvv is 'Must not be stored';

create table finance.invoices (
    id integer primary key,
    invoice_no text not null unique,
    order_id integer not null references sales.orders,
    company_id integer references crm.companies,
    billed_to text not null,
    iban text,
    net_amount numeric(12, 2) not null,
    tax_amount numeric(12, 2) not null,
    gross_amount numeric(12, 2) generated always as (net_amount + tax_amount) stored,
    currency char(3) not null references finance.currencies,
    issued_on date not null,
    due_on date not null check (due_on >= issued_on),
    paid_on date
);
comment on column finance.invoices.iban is 'Account the customer pays from by direct debit';

create table finance.refunds (
    payment_id bigint primary key references finance.payments,
    amount numeric(12, 2) not null check (amount > 0),
    iban text,
    refunded_at timestamptz not null,
    approved_by integer references staff.employees
);

create table finance.supplier_accounts (
    supplier_id integer not null references sales.suppliers,
    iban text not null,
    bic text,
    account_holder text not null,
    primary key (supplier_id, iban)
);
