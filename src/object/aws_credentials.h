// AwsCredentials: the keys that S3 calls are signed with, found by the standard chain of the AWS clients.
//
// The first of these that is configured counts, and its errors are errors:
//   environment     AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
//   web identity    AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN, AWS_ROLE_SESSION_NAME: a pod's role, by STS
//   profile         AWS_PROFILE (else "default") of AWS_SHARED_CREDENTIALS_FILE (else ~/.aws/credentials), or of
//                   AWS_CONFIG_FILE (else ~/.aws/config): keys that stand there
//   container role  AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI, AWS_CONTAINER_AUTHORIZATION_TOKEN or
//   _TOKEN_FILE instance role   the instance's metadata service (version 2), unless AWS_EC2_METADATA_DISABLED is "true"
// Keys of a role end: they are asked for again five minutes before. Profiles by role_arn, sso or credential_process are
// not followed. Thread safety: all calls; they may block.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/sync.h"
#include "runtime/http_client.h"

namespace gfr {

struct AwsKeys {
  std::string access_key, secret_key, session_token;
  std::int64_t expires_ms = INT64_MAX;
};

class AwsCredentials {
 public:
  // The value of an environment's variable; empty: it is not set.
  using Variables = std::function<std::string(const char* name)>;

  // `clock` must outlive it.
  AwsCredentials(Variables variables, const Clock& clock);

  // kInvalidArgument: none of the chain is configured, or what is configured cannot be read; kUnavailable: the server
  // that gives a role's keys did not. Old keys are given until they end.
  Result<AwsKeys> Keys();
  // AWS_REGION, AWS_DEFAULT_REGION, else the profile's; empty: none says it.
  std::string Region() const;

 private:
  Result<AwsKeys> Find() const;
  Result<AwsKeys> OfWebIdentity() const;
  Result<AwsKeys> OfContainer() const;
  Result<AwsKeys> OfInstance() const;
  std::string OfProfile(const std::string& key) const;
  Result<std::string> Ask(HttpCall call, const std::string& what) const;

  const Variables variables_;
  const Clock& clock_;
  // Metadata services are on link-local addresses.
  const std::unique_ptr<HttpCaller> http_;
  Mutex mutex_;
  AwsKeys keys_;
  bool has_keys_ = false;
};

}  // namespace gfr
