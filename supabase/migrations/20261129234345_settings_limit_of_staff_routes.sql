set lock_timeout = '2s';
set statement_timeout = '30s';

update private.app_settings
set value = '{"call_staff_route": {"max": 120, "window_s": 60}}' || value
where key = 'rate_limits';
