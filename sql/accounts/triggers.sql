create trigger follow_sign_up
after insert on auth.users
for each row execute function private.follow_sign_up();

create trigger follow_email
after update of email on auth.users
for each row when (old.email is distinct from new.email and new.deleted_at is null)
execute function private.follow_email();

create trigger follow_soft_delete
after update on auth.users
for each row when (old.deleted_at is null and new.deleted_at is not null)
execute function private.follow_soft_delete();

create trigger delete_profile
before delete on auth.users
for each row execute function private.delete_profile();

create trigger users_guard_profile
before insert or update on public.users
for each row execute function private.guard_profile();

create trigger users_stamp_updated_at
before update on public.users
for each row execute function private.stamp_updated_at();
