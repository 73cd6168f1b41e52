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

create function private.release_lines(p_base_cents bigint, p_bps integer)
returns private.ledger_line[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return array[
    ('buyer', 'RELEASE', p_base_cents),
    ('seller_payable', 'RELEASE', private.fee_cents(p_base_cents, p_bps) - p_base_cents),
    ('platform_fee', 'FEE', -private.fee_cents(p_base_cents, p_bps))
  ]::private.ledger_line[];
end;
$$;
comment on function private.release_lines is 'Return the lines of a release: the unrefunded money goes to the seller, less the fee on it.';

create function private.refund_requested_lines(
  p_amount_cents bigint, p_base_cents bigint, p_bps integer
)
returns private.ledger_line[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (
    select case
      when p_base_cents is null then array[
        ('buyer', 'REFUND', p_amount_cents), ('refunds', 'REFUND', -p_amount_cents)
      ]::private.ledger_line[]
      else array[
        ('platform_fee', 'REFUND', given_up.fee_cents),
        ('seller_payable', 'REFUND', p_amount_cents - given_up.fee_cents),
        ('refunds', 'REFUND', -p_amount_cents)
      ]::private.ledger_line[]
    end
    from (
      select
        private.fee_cents(p_base_cents, p_bps)
        - private.fee_cents(p_base_cents - p_amount_cents, p_bps) as fee_cents
    ) as given_up
  );
end;
$$;
comment on function private.refund_requested_lines is 'Return the lines of a requested refund. Before the release, and for a stray, the base is null and we owe the buyer less. After it the seller pays, and the platform gives up its fee on the amount.';

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

create function private.reversed_lines(p_lines private.ledger_line[])
returns private.ledger_line[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (
    select array_agg((line.account, line.entry_type, -line.amount_cents)::private.ledger_line)
    from unnest(p_lines) as line
  );
end;
$$;
comment on function private.reversed_lines is 'Return the same lines with the opposite sign.';
