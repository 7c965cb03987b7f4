"""RFM: recency, number of orders and revenue, scored and named."""
