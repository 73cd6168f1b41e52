-- Where pg_cron is at hand and works in this database, it closes auctions when no worker does.
select private.schedule_jobs();
