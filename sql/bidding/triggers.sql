create trigger bid_log_refuse_change
before update or delete or truncate on private.bid_log
for each statement execute function private.refuse_change();

create trigger app_settings_store_bidding_rules
after insert or update or delete on private.app_settings
for each statement execute function private.store_bidding_rules();
-- This changes no setting, but runs the trigger, which stores the first row.
update private.app_settings set value = value
where false;
