create function private.fee_cents(p_amount_cents bigint, p_bps integer)
returns bigint
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (
    -- numeric rounds half away from zero; floating point would not.
    select round(p_amount_cents::numeric * p_bps / 10000)::bigint
  );
end;
$$;
comment on function private.fee_cents is 'Return the platform''s fee on an amount, at a rate in hundredths of a percent.';

create function private.capture_lines(p_amount_cents bigint)
returns private.ledger_line[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return array[
    ('stripe_clearing', 'CAPTURE', p_amount_cents), ('buyer', 'CAPTURE', -p_amount_cents)
  ]::private.ledger_line[];
end;
$$;
comment on function private.capture_lines is 'Return the lines of a capture. Stripe holds the money, and we owe it to the buyer until the order is released.';

create function private.borne_cents(
  p_captured_cents bigint, p_refunded_cents bigint, p_lost_cents bigint
)
returns bigint
language plpgsql
immutable
set search_path = ''
as $$
begin
  return greatest(least(p_lost_cents, p_captured_cents - p_refunded_cents), 0);
end;
$$;
comment on function private.borne_cents is 'Return the part of the lost disputes of a payment that its unrefunded money pays for. The platform bears the rest.';

create function private.shares(
  p_captured_cents bigint, p_refunded_cents bigint, p_lost_cents bigint, p_bps integer,
  p_is_released boolean
)
returns private.ledger_shares
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_borne_cents constant bigint := private.borne_cents(
    p_captured_cents, p_refunded_cents, p_lost_cents
  );
  v_base_cents constant bigint := p_captured_cents - p_refunded_cents - v_borne_cents;
  v_fee_cents constant bigint := private.fee_cents(v_base_cents, p_bps);
begin
  if p_is_released then
    return (
      0::bigint, v_fee_cents - v_base_cents,
      p_lost_cents - v_borne_cents - v_fee_cents
    );
  end if;
  return (-v_base_cents, 0::bigint, p_lost_cents - v_borne_cents);
end;
$$;
comment on function private.shares is 'Return the shares in a payment. The buyer owns its money until the release, then seller and platform do. The refunded amount includes pending refunds. The result depends on these amounts alone, so the sequence of events does not matter.';

create function private.share_lines(
  p_before private.ledger_shares, p_after private.ledger_shares, p_entry_type public.ledger_type
)
returns private.ledger_line[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return array[
    ('buyer', p_entry_type, p_after.buyer_cents - p_before.buyer_cents),
    ('seller_payable', p_entry_type, p_after.seller_cents - p_before.seller_cents),
    (
      'platform_fee',
      case p_entry_type when 'RELEASE' then 'FEE' else p_entry_type end,
      p_after.platform_cents - p_before.platform_cents
    )
  ]::private.ledger_line[];
end;
$$;
comment on function private.share_lines is 'Return the lines that change one set of shares into another. A line may have no amount.';

create function private.refund_succeeded_lines(p_amount_cents bigint)
returns private.ledger_line[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return array[
    ('refunds', 'REFUND', p_amount_cents), ('stripe_clearing', 'REFUND', -p_amount_cents)
  ]::private.ledger_line[];
end;
$$;
comment on function private.refund_succeeded_lines is 'Return the lines of a refund that succeeded: the reserved money has left Stripe.';

create function private.hold_lines(p_amount_cents bigint)
returns private.ledger_line[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return array[
    ('dispute_hold', 'HOLD', p_amount_cents), ('stripe_clearing', 'HOLD', -p_amount_cents)
  ]::private.ledger_line[];
end;
$$;
comment on function private.hold_lines is 'Return the lines of money that Stripe withdraws for a dispute. A negative amount is reinstated.';

create function private.transfer_lines(p_amount_cents bigint)
returns private.ledger_line[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return array[
    ('seller_payable', 'PAYOUT', p_amount_cents), ('stripe_clearing', 'PAYOUT', -p_amount_cents)
  ]::private.ledger_line[];
end;
$$;
comment on function private.transfer_lines is 'Return the lines of a transfer to the seller. A negative amount is a reversal.';
