"""Allocation: the cluster IPs, node ports and load balancer addresses that an API server and a cloud would give."""
