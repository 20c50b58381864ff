create schema mart;
comment on schema mart is 'Figures for reports, made from the other schemas';

create view crm.customer_contacts as
select c.id as customer_id, c.customer_no, c.first_name || ' ' || c.last_name as full_name, c.email, c.phone,
       a.street, a.postal_code, a.city, a.region, a.country_code
from crm.customers c
left join crm.addresses a on a.customer_id = c.id and a.address_no = 1
where c.deleted_at is null;
comment on view crm.customer_contacts is 'How to reach a customer';

create view sales.order_totals as
select o.id as order_id, o.customer_id, o.placed_at, o.state, o.currency,
       count(*) as lines,
       sum(l.quantity * l.unit_price * (100 - l.discount_percent) / 100)::numeric(12, 2) as total
from sales.orders o
join sales.order_lines l on l.order_id = o.id
group by o.id;

create view sales.open_orders as
select t.order_id, o.order_no, k.full_name, k.phone, t.total, t.currency
from sales.order_totals t
join sales.orders o on o.id = t.order_id
join crm.customer_contacts k on k.customer_id = t.customer_id
where t.state in ('placed', 'paid');

create view finance.open_invoices as
select i.invoice_no, i.billed_to, i.gross_amount, i.currency, i.due_on, current_date - i.due_on as days_late
from finance.invoices i
where i.paid_on is null;

create view staff.org_chart as
with recursive chart as (
    select e.id, e.full_name, e.job_title, e.manager_id, 1 as level, e.full_name as path
    from staff.employees e where e.manager_id is null
    union all
    select e.id, e.full_name, e.job_title, e.manager_id, chart.level + 1, chart.path || ' > ' || e.full_name
    from staff.employees e join chart on chart.id = e.manager_id
)
select id, full_name, job_title, level, path from chart;

create view web.visitors as
select s.ip, s.country_code, 'session' as seen_in, s.started_at as at from web.sessions s
union all
select l.client_ip, null, 'log', l.at from web.access_log l where l.session_id is null;

create view mart.euro_totals as
select t.order_id, t.customer_id, t.placed_at::date as day, (t.total * r.euro)::numeric(12, 2) as euro
from sales.order_totals t
join finance.exchange_rates r on r.currency = t.currency and r.day = date_trunc('month', t.placed_at)::date
where t.state <> 'cancelled';
comment on view mart.euro_totals is 'Orders in euro, at the rate of the first of the month';

create view mart.customer_value as
select k.customer_id, k.full_name, k.email, k.country_code,
       count(e.order_id) as orders, coalesce(sum(e.euro), 0) as euro, max(e.day) as last_order_on
from crm.customer_contacts k
left join mart.euro_totals e on e.customer_id = k.customer_id
group by k.customer_id, k.full_name, k.email, k.country_code;
comment on view mart.customer_value is 'What each customer has brought so far';

create view mart.churn as
select v.customer_id, v.email, v.euro, v.last_order_on,
       case when v.last_order_on < date '2026-06-30' - 180 then 'lost'
            when v.last_order_on < date '2026-06-30' - 90 then 'at risk' else 'active' end as state
from mart.customer_value v
where v.orders > 0;

create view mart.revenue_by_country as
select v.country_code, count(*) as customers, sum(v.orders) as orders, sum(v.euro) as euro
from mart.customer_value v
group by v.country_code;

create materialized view mart.daily_revenue as
select e.day, count(*) as orders, sum(e.euro) as euro, sum(sum(e.euro)) over (order by e.day) as running_euro
from mart.euro_totals e
group by e.day;
comment on materialized view mart.daily_revenue is 'Refreshed every night';
create unique index on mart.daily_revenue (day);

create view mart.product_margin as
select p.sku, p.name, c.name as category, sum(l.quantity) as sold, sum(l.quantity * p.margin) as margin
from sales.order_lines l
join sales.products p on p.id = l.product_id
join sales.categories c on c.id = p.category_id
group by p.id, c.name;

create view mart.support_load as
select d.name as department, e.full_name as agent, count(t.id) as tickets, avg(t.satisfaction)::numeric(3, 2) as satisfaction
from staff.departments d
join staff.employees e on e.department_id = d.id
join crm.support_tickets t on t.agent_id = e.id
group by d.name, e.full_name;

analyze;
