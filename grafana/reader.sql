-- A user for Grafana: it may read the views of dashboards and nothing else: no table of Hairpin, no address but those of exporters.
-- Choose a password.
CREATE USER IF NOT EXISTS hairpin_grafana IDENTIFIED BY 'choose-one' SETTINGS readonly = 2, max_execution_time = 30, max_memory_usage = 4000000000, max_rows_to_read = 1000000000;
GRANT SELECT ON hairpin.matrix_5m TO hairpin_grafana;
GRANT SELECT ON hairpin.matrix_1h TO hairpin_grafana;
GRANT SELECT ON hairpin.link_1m TO hairpin_grafana;
GRANT SELECT ON hairpin.exporter_1m TO hairpin_grafana;
GRANT SELECT ON hairpin.collector_1m TO hairpin_grafana;
GRANT SELECT ON hairpin.moves TO hairpin_grafana;
