create function private.guard_order_state()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if tg_op = 'INSERT' then
    if new.state <> 'pending_payment' then
      raise check_violation using message = 'An order starts as pending_payment';
    end if;
  elsif
    new.state is distinct from old.state
    -- Only transition_order sets this setting, around its own update.
    and current_setting('market.order_in_transition', true) is distinct from new.id::text
  then
    raise check_violation using message = format(
      'Only transition_order moves an order (from %s to %s)', old.state, new.state
    );
  end if;
  return new;
end;
$$;
comment on function private.guard_order_state is 'Trigger: refuse a change of state by any statement but the update of transition_order.';

create trigger orders_guard_state
before insert or update of state on public.orders
for each row execute function private.guard_order_state();

create trigger orders_stamp_updated_at
before update on public.orders
for each row execute function private.stamp_updated_at();

create trigger order_events_are_never_changed
before update or delete on public.order_events
for each row execute function private.refuse_rewrite();

create trigger order_events_are_never_emptied
before truncate on public.order_events
for each statement execute function private.refuse_rewrite();
