set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.transition_order(
  p_order_id uuid, p_to_state public.order_state, p_actor_id uuid,
  p_actor_kind public.actor_kind, p_reason text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_reason constant text := private.plain_reason(p_reason);
  v_before public.orders;
  v_order public.orders;
  v_now timestamptz;
begin
  select * into v_before from public.orders where id = p_order_id for update;
  if v_before.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Order not found');
  elsif v_before.state = p_to_state then
    return private.transition_answer(v_before);
  elsif not private.is_transition_legal(v_before, p_to_state, p_actor_kind) then
    raise check_violation using message = format(
      'Invalid order state transition from %s to %s', v_before.state, p_to_state
    );
  elsif
    p_actor_id is not null and not exists (select from public.users where id = p_actor_id)
  then
    raise sqlstate 'PT403' using message = 'PROFILE_NOT_FOUND';
  end if;

  v_now := private.clock();
  perform set_config('market.order_in_transition', p_order_id::text, true);
  v_order := private.write_order_state(v_before, p_to_state, v_reason, v_now);
  perform set_config('market.order_in_transition', '', true);
  insert into public.order_events (
    order_id, from_state, to_state, actor_id, actor_kind, reason, created_at
  )
  values (
    p_order_id, v_before.state, p_to_state, p_actor_id, p_actor_kind, v_reason, v_now
  );
  perform private.apply_transition_effects(v_order, v_before.state, p_actor_kind, v_now);
  return private.transition_answer(v_order);
end;
$$;

comment on function public.transition_order is 'Move an order: {success, state, updated_at, version}. A move to the state that the order has already changes nothing. An illegal move raises 23514, Invalid order state transition from X to Y. Refusal: RESOURCE_NOT_FOUND. Raises PROFILE_NOT_FOUND for an unknown actor.';
