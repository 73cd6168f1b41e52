create function private.check_postings_balance()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  if exists (
    select from public.ledger_entries
    where txn_id = new.txn_id
    group by currency
    having sum(amount_cents) <> 0
  ) then
    raise check_violation using
      message = format('Ledger transaction %s does not sum to zero', new.txn_id);
  end if;
  return null;
end;
$$;
comment on function private.check_postings_balance is 'Constraint trigger: refuse a transaction that does not sum to zero. It runs at commit with the owner''s rights, because RLS would hide entries from the caller.';

create function private.refuse_rewrite()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  raise restrict_violation using message = format('%s is append only', tg_relid::regclass);
end;
$$;
comment on function private.refuse_rewrite is 'Trigger: refuse every change and removal of rows, for every role.';

create constraint trigger ledger_entries_balance
after insert on public.ledger_entries
deferrable initially deferred
for each row execute function private.check_postings_balance();

create trigger ledger_entries_are_never_changed
before update or delete on public.ledger_entries
for each row execute function private.refuse_rewrite();

create trigger ledger_entries_are_never_emptied
before truncate on public.ledger_entries
for each statement execute function private.refuse_rewrite();
