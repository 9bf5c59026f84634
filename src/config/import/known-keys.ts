/** Keys of LiteLLM that are not carried over, and why: what is not in a table is reported as unknown. */
import type { Known } from './sections.ts'

type Table = Readonly<Record<string, Known>>

function all(keys: string, ...known: Known): Table {
  return Object.fromEntries(keys.split(' ').map((key) => [key, known]))
}

export const knownParams: Table = {
  ...all('num_retries max_retries', 'lost', 'Sluice has one budget of attempts per job', 'see retry.max_attempts'),
  ...all('cooldown_time', 'lost', 'Sluice has one breaker for all deployments', 'see breaker'),
  ...all('itpm otpm', 'lost', 'input and output tokens are limited together', 'set tpm'),
  ...all('tags tag_regex', 'lost', 'deployments have no tags', 'write a rule: when.tags and only.deployments'),
  region_name: [
    'lost',
    'a region is not something that Sluice knows of an upstream',
    'make a pool for it and write rules',
  ],
  ...all(
    'input_cost_per_second output_cost_per_second input_cost_per_character output_cost_per_character',
    'lost',
    'only tokens have prices',
    'set price',
  ),
  ...all(
    'max_budget budget_duration',
    'lost',
    'budgets belong to tenants',
    'set tenants.default.budgets, with `model`',
  ),
  ...all(
    'default_api_key_tpm_limit default_api_key_rpm_limit',
    'lost',
    'limits belong to tenants',
    'set tenants.default.limits',
  ),
  ...all(
    'drop_params additional_drop_params modify_params',
    'lost',
    'what an upstream can’t do is refused, never dropped',
    'set capabilities where a deployment can do less than usual',
  ),
  mock_response: ['lost', 'Sluice answers nothing by itself', 'the provider `sandbox` works without a network'],
  ...all('configurable_clientside_auth_params', 'lost', 'callers can’t name upstreams or keys'),
  rust: ['native', 'concerns LiteLLM’s own inside'],
  ...all(
    'temperature max_tokens max_completion_tokens top_p top_k stop seed n presence_penalty frequency_penalty ' +
      'response_format logit_bias user reasoning_effort thinking tools tool_choice extra_body merge_reasoning_content_in_choices',
    'lost',
    'Sluice sends what the caller asks for',
    'have callers send it',
  ),
  ...all(
    'aws_role_name aws_session_name aws_profile_name aws_web_identity_token aws_sts_endpoint aws_bedrock_runtime_endpoint',
    'lost',
    'Bedrock is called with keys',
    'set aws.access_key_id and aws.secret_access_key',
  ),
  ...all(
    'azure_ad_token tenant_id client_id client_secret azure_username azure_password azure_scope',
    'lost',
    'Azure is called with a key',
    'set api_key',
  ),
  ...all('use_in_pass_through use_litellm_proxy litellm_trace_id', 'lost', 'there is no pass-through'),
  ...all('supports_system_message', 'lost', 'messages are passed on as they are'),
}

export const knownInfo: Table = {
  ...all('input_cost_per_second output_cost_per_second', 'lost', 'only tokens have prices', 'set price'),
  ...all('access_groups', 'lost', 'tenants name the models that they may ask for', 'set tenants.<name>.models'),
  ...all('tier', 'lost', 'deployments have no such mark; Sluice’s own `tier` is LiteLLM’s `order`'),
  ...all('team_id team_public_model_name', 'lost', 'teams are tenants', 'set tenants.<name>.models'),
  ...all(
    'disable_background_health_check health_check_timeout health_check_model',
    'native',
    'nothing is probed as routine',
  ),
  ...all('db_model created_at updated_at created_by updated_by', 'native', 'concerns LiteLLM’s database'),
  ...all('litellm_provider key', 'native', 'says what is known already'),
  ...all(
    'supports_vision supports_function_calling supports_parallel_function_calling supports_tool_choice supports_response_schema ' +
      'supports_audio_input supports_pdf_input supports_reasoning supports_system_messages supports_prompt_caching',
    'lost',
    'what an upstream can do is known by its provider',
    'set capabilities where that is not right',
  ),
}

export const knownRouter: Table = {
  routing_strategy_args: ['lost', 'strategies have no settings'],
  ...all(
    'retry_policy model_group_retry_policy',
    'lost',
    'what follows a failure is decided by its class',
    'see docs/errors.md and retry',
  ),
  allowed_fails_policy: ['lost', 'one breaker counts all failures that are the upstream’s', 'see breaker'],
  max_fallbacks: ['lost', 'fallbacks end with the attempts of the job', 'see retry.max_attempts'],
  ...all('enable_pre_call_checks', 'native', 'context and capabilities are always checked before a call'),
  ...all(
    'optional_pre_call_checks deployment_affinity_ttl_seconds model_group_affinity_config',
    'lost',
    'there is no affinity',
  ),
  ...all(
    'enable_tag_filtering tag_filtering_match_any',
    'lost',
    'deployments have no tags',
    'write rules with when.tags',
  ),
  ...all('default_priority polling_interval', 'native', 'priority is part of every request; nobody polls'),
  ...all('caching_groups client_ttl', 'lost', 'a cache belongs to one model'),
  ...all('cache_responses cache_kwargs', 'lost', 'what is cached is decided per model', 'set models.<name>.cache'),
  ...all(
    'redis_host redis_port redis_password redis_db redis_url redis_ssl',
    'native',
    'dispatchers share limits through redis.url, whatever Redis that is',
  ),
  ...all(
    'enable_health_check_routing health_check_staleness_threshold health_check_ignore_transient_errors ignore_invalid_deployments',
    'native',
    'failures are noticed by the breaker',
  ),
  ...all('set_verbose debug_level', 'native', 'see LOG_LEVEL'),
  ...all('alerting_config', 'lost', 'nothing is sent to chats', 'alert on /metrics'),
  ...all('routing_groups weights', 'lost', 'splits are made by weight', 'set weight of deployments'),
  ...all('guardrail_list search_tools assistants_config router_general_settings', 'lost', 'is nothing that Sluice has'),
}

export const knownSettings: Table = {
  ...all('set_verbose json_logs', 'native', 'logs are JSON; see LOG_LEVEL'),
  ...all(
    'turn_off_message_logging redact_messages_in_exceptions redact_user_api_key_info',
    'native',
    'logs hold no content and no keys, ever',
  ),
  ...all(
    'drop_params modify_params',
    'lost',
    'what an upstream can’t do is refused, never dropped',
    'set capabilities where a deployment can do less than usual',
  ),
  ...all('cost_discount_config cost_margin_config', 'lost', 'prices are what they are', 'set price'),
  ...all(
    'priority_reservation priority_reservation_settings',
    'lost',
    'priorities are strict',
    'have callers send X-Sluice-Priority',
  ),
  responses: ['lost', 'background work is what jobs are', 'see POST /v1/jobs'],
  ...all(
    'langfuse_default_tags',
    'lost',
    'there are no callbacks',
    'use OpenTelemetry, /metrics, the ledger and webhooks',
  ),
  ...all(
    'default_internal_user_params max_internal_user_budget internal_user_budget_duration max_end_user_budget ' +
      'max_end_user_budget_id default_team_params default_team_settings upperbound_key_generate_params default_key_generate_params ' +
      'key_generation_settings',
    'lost',
    'users, teams and keys are tenants and their keys',
    'make tenants with budgets and limits',
  ),
  ...all('enable_json_schema_validation', 'lost', 'answers are not validated'),
  ...all('timezone', 'lost', 'budgets are counted in UTC'),
  ...all('force_ipv4 ssl_verify ssl_certificate', 'lost', 'connections are Node’s', 'see NODE_EXTRA_CA_CERTS'),
  ...all(
    'enable_redis_auth_cache enable_caching_on_provider_specific_optional_params',
    'native',
    'concerns LiteLLM’s own caches',
  ),
  ...all(
    'telemetry disable_end_user_cost_tracking disable_end_user_cost_tracking_prometheus_only',
    'native',
    'nothing is sent to anybody',
  ),
  ...all('mcp_aliases public_model_groups', 'lost', 'is nothing that Sluice has'),
  skip_system_message_in_guardrail: ['lost', 'every text of a request is examined'],
}

export const knownGeneral: Table = {
  ...all(
    'database_url database_connection_pool_limit database_connection_timeout store_model_in_db supported_db_objects ' +
      'allow_requests_on_db_unavailable',
    'lost',
    'virtual keys, teams, users and their budgets are in LiteLLM’s database, not in this file',
    'make tenants for them',
  ),
  ...all(
    'proxy_batch_write_at proxy_batch_polling_interval proxy_budget_rescheduler_min_time proxy_budget_rescheduler_max_time ' +
      'use_redis_transaction_buffer user_api_key_cache_ttl disable_spend_updates disable_spend_logs',
    'native',
    'concerns LiteLLM’s database; Sluice accounts as jobs end',
  ),
  ...all('store_prompts_in_spend_logs', 'native', 'the ledger holds no prompts, ever'),
  ...all(
    'maximum_spend_logs_retention_period maximum_spend_logs_retention_interval',
    'lost',
    'ledger and audit trail are kept until you delete the files',
  ),
  ...all(
    'background_health_checks health_check_interval use_shared_health_check enable_health_check_routing health_check_details',
    'native',
    'failures are noticed by the breaker; nothing is probed as routine',
  ),
  ...all(
    'alerting alerting_threshold alert_types alert_to_webhook_url alerting_args',
    'lost',
    'nothing is sent to chats',
    'alert on /metrics; budgets have budget_webhook',
  ),
  ...all(
    'max_parallel_requests',
    'lost',
    'LiteLLM limits each of its keys by it',
    'set tenants.<name>.limits.concurrency',
  ),
  ...all(
    'key_management_system key_management_settings',
    'lost',
    'secrets come from the environment or files',
    'refer to variables or files; see docs/configuration.md',
  ),
  ...all(
    'enable_jwt_auth litellm_jwtauth custom_auth oauth2_config_mappings enable_oauth2_auth ui_access_mode',
    'lost',
    'callers have API keys',
    'make tenants',
  ),
  ...all(
    'allowed_ips allowed_routes admin_only_routes public_routes',
    'lost',
    'who may connect is for a proxy or firewall in front',
  ),
  ...all('pass_through_endpoints', 'lost', 'there is no pass-through'),
  ...all(
    'user_header_name user_header_mappings enforce_user_param reject_clientside_metadata_tags',
    'lost',
    'who asks is told by the API key, and by X-Sluice-Tags',
  ),
  ...all(
    'max_response_size_mb token_rate_limit_type forward_client_headers_to_llm_api litellm_key_header_name',
    'lost',
    'there is no such setting',
  ),
  ...all('completion_model infer_model_from_keys', 'lost', 'requests name their model'),
  ...all(
    'disable_master_key_return disable_reset_budget disable_adding_master_key_hash_to_db',
    'native',
    'concerns LiteLLM’s database',
  ),
}

export const knownTop: Table = {
  ...all(
    'mcp_servers mcp_tools vector_store_registry vector_store search_tools assistant_settings finetune_settings files_settings',
    'lost',
    'is nothing that Sluice has',
  ),
  callback_settings: ['lost', 'there are no callbacks', 'see docs/telemetry.md'],
  ...all('prompts agents agent_list', 'lost', 'is nothing that Sluice has'),
}
