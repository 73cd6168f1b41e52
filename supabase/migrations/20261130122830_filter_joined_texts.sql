set lock_timeout = '2s';
set statement_timeout = '30s';

-- The rules for texts that are joined: each names a bank, an account or a payment service.
update private.filter_rules
set stage = stage || '{joined}'
where
  rule_version = 1 and not 'joined' = any(stage)
  and rule in (
    'abn_bank', 'abn_pay_app', 'abn_payee', 'abn_payee_after', 'account_digits',
    'account_long', 'account_more', 'bank_abn', 'bank_account', 'bank_digits', 'bsb_account',
    'bsb_digits', 'bsb_word_account', 'card', 'card_solid', 'cashtag', 'digits_account',
    'digits_bsb', 'digits_pay_app', 'email_pay_app', 'long_account', 'mobile_pay_app',
    'pay_app_abn', 'pay_app_account', 'pay_app_at_provider', 'pay_app_bare', 'pay_app_colon',
    'pay_app_described', 'pay_app_digits', 'pay_app_domain', 'pay_app_email',
    'pay_app_handle', 'pay_app_landline', 'pay_app_me', 'pay_app_mobile', 'pay_app_sign',
    'pay_app_weak_provider', 'provider_pay_app', 'split_account'
  );

create or replace function private.payment_span(p_text text, p_earlier text[] default '{}')
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_whole constant text := array_to_string(p_earlier || p_text, E'\n');
  v_start constant integer := char_length(v_whole) - char_length(p_text);
  v_span jsonb;
begin
  if coalesce(p_text, '') = '' then
    return null;
  end if;
  select
    jsonb_build_object(
      'start', greatest(hit.start_at - v_start, 0),
      'end', least(hit.end_at - v_start, char_length(p_text))
    )
  into v_span
  from (
    select
      found.rule,
      found.score,
      found.start_at + v_start as start_at,
      found.end_at + v_start as end_at
    from unnest(private.filter_findings(p_text, 'order')) as found
    union all
    -- A word such as "money" in an earlier text makes no account of a number in this one.
    select found.rule, found.score, found.start_at, found.end_at
    from unnest(private.filter_findings(v_whole, 'joined', v_start)) as found
    where p_earlier <> '{}'
  ) as hit
  inner join private.filter_rules as known on known.rule = hit.rule and known.active
  where
    hit.end_at > v_start
    and hit.score >= private.setting('filter_mask')::integer
    -- A party may name a phone number after "my account", but not after "my PayID".
    and not (
      known.pattern <@ '{abn_digits,account_cue,account_digits,bank,bank_account}'
      and private.is_phone_number(
        substr(v_whole, hit.start_at + 1, hit.end_at - hit.start_at)
      )
    )
  order by greatest(hit.start_at, v_start), hit.score desc
  limit 1;
  return v_span;
end;
$$;
comment on function private.payment_span is 'Return the span of the details for a payment outside the site that a text holds, or that it completes after earlier texts with a bank, account or payment service, or null. Other words about payment pass.';
