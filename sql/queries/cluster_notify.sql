-- Every node looks anew.
select pg_notify('dinguscord_cluster', '')
