create trigger bid_log_refuse_change
before update or delete or truncate on private.bid_log
for each statement execute function private.refuse_change();
