create table warehouse (
    warehouse_id integer primary key,
    name text not null,
    street text not null,
    city text not null,
    country_code text not null check (length(country_code) = 2),
    manager_name text,
    manager_email text
);
create table bin (
    warehouse_id integer not null references warehouse,
    aisle text not null,
    shelf integer not null,
    max_weight_kg real not null default 250,
    primary key (warehouse_id, aisle, shelf)
) without rowid;
create table item (
    sku text primary key,
    name text not null,
    ean text unique,
    reorder_at integer not null default 10
);
create table stock (
    warehouse_id integer not null,
    aisle text not null,
    shelf integer not null,
    sku text not null references item,
    quantity integer not null check (quantity >= 0),
    counted_on date,
    primary key (warehouse_id, aisle, shelf, sku),
    foreign key (warehouse_id, aisle, shelf) references bin
) without rowid;
create table picker (
    badge text primary key,
    full_name text not null,
    mobile text,
    pin_hash text not null,
    warehouse_id integer not null references warehouse
);
create table movement (
    movement_id integer primary key,
    sku text not null references item,
    from_warehouse integer references warehouse,
    to_warehouse integer references warehouse,
    quantity integer not null check (quantity > 0),
    moved_at timestamp not null,
    badge text references picker
);
create index movement_by_item on movement (sku, moved_at);
create table inbound (
    delivery_no text primary key,
    supplier_email text,
    truck_plate text,
    arrived_at timestamp not null
);
create table inbound_line (
    delivery_no text not null references inbound on delete cascade,
    line_no integer not null,
    sku text not null references item,
    quantity integer not null,
    primary key (delivery_no, line_no)
);
create view stock_by_item as
select i.sku, i.name, w.name as warehouse, sum(s.quantity) as quantity
from stock s
join item i on i.sku = s.sku
join warehouse w on w.warehouse_id = s.warehouse_id
group by i.sku, w.warehouse_id;
create view items_to_order as
select b.sku, b.name, sum(b.quantity) as quantity, i.reorder_at
from stock_by_item b
join item i on i.sku = b.sku
group by b.sku
having sum(b.quantity) < i.reorder_at;
