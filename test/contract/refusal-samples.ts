import type { ProviderFailure } from '../../src/core/provider.ts'

export type RefusalSample = readonly [from: string, status: number, body: unknown, failure: ProviderFailure]

/** An error in OpenAI's own shape. */
export const openAiError = (message: string, code: string | null, type = 'invalid_request_error') => ({
  error: { message, type, param: null, code },
})

/** As upstreams word it; the numbers and names in them are made up. */
export const refusalSamples: readonly RefusalSample[] = [
  [
    'OpenAI',
    400,
    openAiError("This model's maximum context length is 8192 tokens.", 'context_length_exceeded'),
    'context_too_long',
  ],
  ['OpenAI', 400, openAiError("This model's maximum context length is 8192 tokens.", null), 'context_too_long'],
  ['OpenAI', 400, openAiError('Your input exceeds the context window of this model.', null), 'context_too_long'],
  [
    'OpenAI',
    429,
    openAiError(
      'Request too large for gpt-x on tokens per min (TPM): Limit 30000, Requested 40000.',
      'rate_limit_exceeded',
      'tokens',
    ),
    'context_too_long',
  ],
  ['OpenAI', 429, openAiError('Rate limit reached for gpt-x.', 'rate_limit_exceeded', 'tokens'), 'rate_limited'],
  [
    'OpenAI',
    429,
    openAiError('You exceeded your current quota.', 'insufficient_quota', 'insufficient_quota'),
    'quota_exhausted',
  ],
  ['OpenAI', 429, openAiError('Flex has no room.', 'resource_unavailable'), 'overloaded'],
  ['OpenAI', 400, openAiError('Rejected.', 'content_policy_violation'), 'content_policy'],
  [
    'OpenAI',
    400,
    openAiError('Invalid prompt: your prompt was flagged as potentially violating our usage policy.', 'invalid_prompt'),
    'content_policy',
  ],
  [
    'OpenAI',
    400,
    openAiError("Unsupported parameter: 'max_tokens' is not supported with this model.", 'unsupported_parameter'),
    'unsupported',
  ],
  [
    'OpenAI',
    400,
    openAiError("Unsupported value: 'temperature' does not support 0.2 with this model.", 'unsupported_value'),
    'unsupported',
  ],
  [
    'OpenAI',
    400,
    openAiError('max_tokens is too large: 9000. This model supports at most 4096.', 'invalid_value'),
    'unsupported',
  ],
  [
    'OpenAI',
    404,
    openAiError('The model `gpt-9` does not exist or you do not have access to it.', 'model_not_found'),
    'model_not_found',
  ],
  ['OpenAI', 403, openAiError('Project does not have access to model.', 'model_not_found'), 'model_not_found'],
  ['OpenAI', 400, openAiError("Invalid type for 'messages'.", 'invalid_type'), 'invalid_request'],
  [
    'OpenAI',
    503,
    openAiError('The engine is currently overloaded, please try again later.', null, 'server_error'),
    'overloaded',
  ],
  [
    'Azure',
    400,
    {
      error: {
        message: 'The response was filtered due to the prompt triggering the content management policy.',
        type: null,
        param: 'prompt',
        code: 'content_filter',
        status: 400,
        innererror: { code: 'ResponsibleAIPolicyViolation' },
      },
    },
    'content_policy',
  ],
  [
    'Azure',
    400,
    { error: { message: 'Filtered.', code: 'BadRequest', innererror: { code: 'ResponsibleAIPolicyViolation' } } },
    'content_policy',
  ],
  [
    'Azure',
    404,
    { error: { code: 'DeploymentNotFound', message: 'The API deployment for this resource does not exist.' } },
    'model_not_found',
  ],
  [
    'Azure',
    400,
    { error: { code: 'OperationNotSupported', message: 'The operation does not work with the model.' } },
    'unsupported',
  ],
  [
    'Azure',
    429,
    { error: { code: '429', message: 'Requests have exceeded the call rate limit. Please retry after 6 seconds.' } },
    'rate_limited',
  ],
  [
    'Groq',
    400,
    openAiError('Please reduce the length of the messages or completion.', 'context_length_exceeded'),
    'context_too_long',
  ],
  [
    'Groq',
    413,
    openAiError(
      'Request too large for model `llama` on tokens per minute (TPM): Limit 6000, Requested 9000',
      'rate_limit_exceeded',
      'tokens',
    ),
    'context_too_long',
  ],
  ['Groq', 400, openAiError("property 'logit_bias' is unsupported", null), 'unsupported'],
  ['Groq', 400, openAiError('The model has been decommissioned.', 'model_decommissioned'), 'model_not_found'],
  ['Groq', 400, openAiError('Failed to call a function.', 'tool_use_failed'), 'server_error'],
  ['Groq', 498, openAiError('Flex tier capacity exceeded.', 'capacity_exceeded'), 'overloaded'],
  [
    'Mistral',
    400,
    {
      object: 'error',
      message: 'Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length',
      type: 'invalid_request_prompt',
      param: null,
      code: '3051',
    },
    'context_too_long',
  ],
  [
    'Mistral',
    400,
    { object: 'error', message: 'Invalid model: mistral-huge', type: 'invalid_model', param: null, code: '1500' },
    'model_not_found',
  ],
  [
    'Mistral',
    422,
    {
      object: 'error',
      message: { detail: [{ type: 'extra_forbidden', loc: ['body', 'seed'], msg: 'Extra inputs are not permitted' }] },
      type: 'invalid_request_error',
    },
    'unsupported',
  ],
  [
    'Mistral',
    422,
    {
      object: 'Error',
      message: [{ type: 'extra_forbidden', loc: ['body', 'tools'], msg: 'Extra inputs are not permitted' }],
      type: 'invalid_request_error',
      code: 3001,
    },
    'unsupported',
  ],
  [
    'Mistral',
    422,
    { object: 'error', message: '{"detail":[{"type":"extra_forbidden","msg":"Extra inputs are not permitted"}]}' },
    'unsupported',
  ],
  [
    'Mistral',
    429,
    {
      object: 'error',
      message: 'Service tier capacity exceeded for this model.',
      type: 'service_tier_capacity_exceeded',
      code: '3505',
    },
    'overloaded',
  ],
  [
    'DeepSeek',
    400,
    openAiError(
      "This model's maximum context length is 131072 tokens. However, you requested 200000 tokens.",
      'invalid_request_error',
    ),
    'context_too_long',
  ],
  ['DeepSeek', 400, openAiError('Content Exists Risk', 'invalid_request_error'), 'content_policy'],
  ['DeepSeek', 400, openAiError('Model Not Exist', 'invalid_request_error'), 'model_not_found'],
  [
    'DeepSeek',
    400,
    openAiError('This response_format type is unavailable now', 'invalid_request_error'),
    'unsupported',
  ],
  ['DeepSeek', 402, openAiError('Insufficient Balance', 'invalid_request_error', 'unknown_error'), 'quota_exhausted'],
  [
    'Together',
    422,
    openAiError('Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097.', null),
    'context_too_long',
  ],
  [
    'Together',
    400,
    openAiError("The input (9000 tokens) is longer than the model's context length (8192 tokens).", null),
    'context_too_long',
  ],
  ['Together', 404, openAiError('Unable to access model.', 'model_not_available'), 'model_not_found'],
  [
    'Fireworks',
    400,
    {
      error: {
        object: 'error',
        type: 'invalid_request_error',
        message: 'The prompt is too long: 9001, model maximum context length: 8191',
      },
    },
    'context_too_long',
  ],
  [
    'Fireworks',
    404,
    {
      error: {
        object: 'error',
        type: 'invalid_request_error',
        message: 'Model not found, inaccessible, and/or not deployed',
      },
    },
    'model_not_found',
  ],
  [
    'Fireworks',
    412,
    { error: { message: 'Account is suspended, possibly due to reaching the monthly spending limit' } },
    'quota_exhausted',
  ],
  [
    'OpenRouter',
    400,
    {
      error: {
        code: 400,
        message: "This endpoint's maximum context length is 32768 tokens. However, you requested about 42832 tokens.",
      },
    },
    'context_too_long',
  ],
  [
    'OpenRouter',
    402,
    { error: { code: 402, message: 'This request requires more credits, or fewer max_tokens.' } },
    'quota_exhausted',
  ],
  [
    'OpenRouter',
    403,
    {
      error: { code: 403, message: 'Not allowed.', metadata: { reasons: ['violence'], flagged_input: 'some prompt' } },
    },
    'content_policy',
  ],
  ['OpenRouter', 403, { error: { code: 403, message: 'Key limit exceeded (monthly limit).' } }, 'quota_exhausted'],
  ['OpenRouter', 404, { error: { code: 404, message: 'No endpoints found that support tool use.' } }, 'unsupported'],
  ['OpenRouter', 404, { error: { code: 404, message: 'No endpoints found for some/model.' } }, 'model_not_found'],
  ['OpenRouter', 400, { error: { code: 400, message: 'some/thing is not a valid model ID' } }, 'model_not_found'],
  [
    'OpenRouter',
    400,
    {
      error: {
        code: 400,
        message: 'Provider returned error',
        metadata: { raw: '{"error":{"message":"maximum context length is 8192 tokens"}}' },
      },
    },
    'context_too_long',
  ],
  [
    'xAI',
    400,
    {
      code: 'Client specified an invalid argument',
      error: "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
    },
    'context_too_long',
  ],
  [
    'xAI',
    403,
    {
      code: 'The caller does not have permission',
      error: 'Your team has either used all available credits or reached its monthly spending limit.',
    },
    'quota_exhausted',
  ],
  [
    'xAI',
    403,
    {
      code: 'The caller does not have permission',
      error: 'Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE',
    },
    'content_policy',
  ],
  [
    'xAI',
    400,
    { code: 'Client specified an invalid argument', error: 'Model grok does not support parameter presencePenalty.' },
    'unsupported',
  ],
  [
    'Cerebras',
    400,
    {
      message: 'Please reduce the length of the messages or completion. Current length is 8341 while limit is 8192',
      type: 'invalid_request_error',
      param: 'messages',
      code: 'context_length_exceeded',
    },
    'context_too_long',
  ],
  [
    'Cerebras',
    429,
    {
      message: "We're experiencing high traffic right now!",
      type: 'too_many_requests_error',
      param: 'queue',
      code: 'queue_exceeded',
    },
    'overloaded',
  ],
  [
    'Perplexity',
    401,
    openAiError(
      'You exceeded your current quota, please check your plan and billing details.',
      null,
      'insufficient_quota',
    ),
    'quota_exhausted',
  ],
  ['Perplexity', 400, openAiError("Invalid model 'sonar-x'.", null, 'invalid_model'), 'model_not_found'],
  [
    'NVIDIA',
    402,
    { status: 402, title: 'Payment Required', detail: "Account 'x': Cloud credits expired - Please contact us" },
    'quota_exhausted',
  ],
  ['NVIDIA', 404, { status: 404, title: 'Not Found', detail: 'Function not found' }, 'model_not_found'],
  [
    'vLLM',
    400,
    {
      object: 'error',
      message: "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.",
      type: 'BadRequestError',
      param: null,
      code: 400,
    },
    'context_too_long',
  ],
  [
    'vLLM',
    400,
    {
      error: {
        message: 'The decoder prompt (length 5000) is longer than the maximum model length of 4096.',
        type: 'BadRequestError',
        code: 400,
      },
    },
    'context_too_long',
  ],
  [
    'vLLM',
    404,
    { object: 'error', message: 'The model `x` does not exist.', type: 'NotFoundError', param: null, code: 404 },
    'model_not_found',
  ],
  [
    'vLLM',
    400,
    {
      error: {
        message: '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
        type: 'BadRequestError',
        code: 400,
      },
    },
    'unsupported',
  ],
  [
    'llama.cpp',
    400,
    {
      error: {
        code: 400,
        message: 'the request exceeds the available context size, try increasing it',
        type: 'exceed_context_size_error',
        n_prompt_tokens: 9000,
        n_ctx: 4096,
      },
    },
    'context_too_long',
  ],
  [
    'llama.cpp',
    500,
    {
      error: {
        code: 500,
        message: 'input is too large to process. increase the physical batch size',
        type: 'server_error',
      },
    },
    'context_too_long',
  ],
  [
    'llama.cpp',
    500,
    {
      error: {
        code: 500,
        message: 'image input is not supported - hint: you may need to provide the mmproj',
        type: 'server_error',
      },
    },
    'unsupported',
  ],
  [
    'llama.cpp',
    501,
    { error: { code: 501, message: 'This server does not support embeddings.', type: 'not_supported_error' } },
    'unsupported',
  ],
  ['llama.cpp', 503, { error: { code: 503, message: 'Loading model', type: 'unavailable_error' } }, 'overloaded'],
  [
    'LM Studio',
    400,
    {
      error:
        'Trying to keep the first 10136 tokens when context the overflows. However, the model is loaded with context length of only 7866 tokens',
    },
    'context_too_long',
  ],
  [
    'LM Studio',
    400,
    { error: 'The number of tokens to keep from the initial prompt is greater than the context length.' },
    'context_too_long',
  ],
  ['LM Studio', 404, openAiError('Failed to load model "x".', null), 'model_not_found'],
  [
    'Ollama',
    400,
    { error: 'the prompt is longer than the context length currently available to the model' },
    'context_too_long',
  ],
  ['Ollama', 400, { error: 'the input length exceeds the context length' }, 'context_too_long'],
  ['Ollama', 400, { error: 'registry.ollama.ai/library/gemma:2b does not support tools' }, 'unsupported'],
  ['Ollama', 400, { error: '"llama3.1" does not support thinking' }, 'unsupported'],
  ['Ollama', 404, { error: "model 'x' not found" }, 'model_not_found'],
  ['Ollama', 503, { error: 'server busy, please try again.  maximum pending requests exceeded' }, 'overloaded'],
  ['Ollama', 401, { error: 'unauthorized', signin_url: 'https://ollama.example/connect' }, 'auth'],
  ['LocalAI', 500, openAiError('could not load model: rpc error', 'server_error'), 'model_not_found'],
  ['LiteLLM', 400, openAiError('litellm.ContextWindowExceededError: too long', '400'), 'context_too_long'],
  ['LiteLLM', 400, openAiError('litellm.ContentPolicyViolationError: refused', '400'), 'content_policy'],
  ['LiteLLM', 400, openAiError('litellm.UnsupportedParamsError: x has no seed', '400'), 'unsupported'],
  [
    'LiteLLM',
    400,
    openAiError('Budget has been exceeded! Current cost: 2, Max budget: 1', '400', 'budget_exceeded'),
    'quota_exhausted',
  ],
  ['LiteLLM', 400, openAiError('Invalid model name passed in model=x', '400'), 'model_not_found'],
  [
    'a server of FastAPI’s',
    422,
    { detail: [{ type: 'missing', loc: ['body', 'messages'], msg: 'Field required' }] },
    'invalid_request',
  ],
]
