"""The same table as rfm_ours in DuckDB SQL, written by hand."""

import duckdb
import pandas  # noqa: F401  (imported lazily below, so before the clock)

SQL = """
with orders as (
    select customer_id, order_id, min(ordered_at)::date as day, sum(revenue_minor) as net,
           sum(greatest(-revenue_minor, 0)) as refund
    from read_parquet($path) where ordered_at < $as_of::date + 1
    group by customer_id, order_id
), customers as (
    select customer_id, min(day) filter (net > 0) as first, max(day) filter (net > 0) as last,
           count(*) filter (net > 0) as n, sum(net)::bigint as net, sum(refund)::bigint as refund,
           $as_of::date - last as days
    from orders group by customer_id
), cuts as (
    select quantile_disc(-days, [0.2, 0.4, 0.6, 0.8]) as r, quantile_disc(n, [0.2, 0.4, 0.6, 0.8]) as f,
           quantile_disc(net, [0.2, 0.4, 0.6, 0.8]) as m
    from customers where n > 0
), scored as (
    select *, {r} as r_score, {f} as f_score, {m} as m_score from customers, cuts
)
select customer_id, first::timestamp as first_order_on, last::timestamp as last_order_on,
       days as days_since_last_order, n as n_orders, net / 100 as revenue_total,
       case when n > 0 then net / 100 / n end as revenue_per_order, refund / 100 as refund_total,
       n = 0 as refund_only, net < 0 as net_negative, r_score, f_score, m_score,
       r_score || '-' || f_score || '-' || m_score as rfm
from scored order by customer_id
"""


def score(value, cuts):
    """Return the SQL of 1 + the number of distinct cut points strictly below a value."""
    distinct = (f"({value} > {cuts}[{i}] and {cuts}[{i}] > {cuts}[{i - 1}])::int" for i in (2, 3, 4))
    return f"case when n > 0 then 1 + ({value} > {cuts}[1])::int + {' + '.join(distinct)} end"


def compute(path, as_of):
    sql = SQL.format(r=score("-days", "r"), f=score("n", "f"), m=score("net", "m"))
    return duckdb.connect().execute(sql, {"path": str(path), "as_of": as_of}).df()
