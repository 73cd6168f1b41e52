set lock_timeout = '2s';
set statement_timeout = '30s';

update private.app_settings
set value = '{"upload_shared_file": {"max": 120, "window_s": 3600}}' || value
where key = 'rate_limits';
