//! Endpoint selection: which endpoints serve a service port on a node (S10 to S23).
