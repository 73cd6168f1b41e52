set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.use_sale_permission(p_oversized_field text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_refusal jsonb;
begin
  -- A person does not type a text far beyond its limit by mistake, so that call counts as a text for
  -- the filter. Other calls count once all but the filter has accepted them.
  if p_oversized_field is not null then
    v_refusal := private.use_rate_limit('check_listing');
  end if;
  v_refusal := coalesce(v_refusal, private.seller_refusal(auth.uid()));
  if v_refusal is null and p_oversized_field is not null then
    v_refusal := private.refusal('VALIDATION_ERROR', 'This text is far too long')
      || jsonb_build_object('field', p_oversized_field);
  end if;
  return v_refusal;
end;
$$;
comment on function private.use_sale_permission is 'Return the refusal of a caller who may not sell, or of a field that is far too long, or null. A call with such a field counts as a text for the filter.';

create or replace function private.report_content(
  p_reason text, p_listing_id uuid, p_message_id uuid, p_user_id uuid, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'report_content', p_client_request_id,
    jsonb_build_array(p_reason, p_listing_id, p_message_id, p_user_id)
  );
  v_report public.content_reports;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  v_report.reporter_id := auth.uid();
  v_report.listing_id := p_listing_id;
  v_report.message_id := p_message_id;
  v_report.user_id := p_user_id;
  v_report.reason := private.plain_reason(p_reason);
  v_answer := coalesce(
    private.account_refusal(auth.uid()),
    private.reason_refusal(p_reason),
    private.use_rate_limit('report_content'),
    private.target_refusal(v_report),
    private.store_report(v_report)
  );
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;

update private.app_settings
set value = '{
  "check_listing": {"max": 20, "window_s": 3600},
  "check_dispute": {"max": 20, "window_s": 3600}
}' || value
where key = 'rate_limits';
