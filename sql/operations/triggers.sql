-- If pg_cron works in this database, it closes auctions when no worker does.
select private.schedule_jobs();
