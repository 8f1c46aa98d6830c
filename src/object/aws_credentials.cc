#include "object/aws_credentials.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/file_system.h"
#include "base/time.h"
#include "object/percent_encode.h"

namespace gfr {
namespace {

constexpr std::int64_t kRefreshMs = 5 * kMinuteMs, kAskMs = 5 * kSecondMs;
constexpr std::size_t kMostReplyBytes = 1u << 20;
constexpr const char* kContainerHost = "http://169.254.170.2";
constexpr const char* kInstanceHost = "http://169.254.169.254";

std::string_view Trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return text;
}

// What stands for `key` under [section] of an AWS file; empty: nothing.
std::string IniValue(std::string_view text, std::string_view section, std::string_view key) {
  std::string found;
  for (bool inside = false; !text.empty();) {
    const std::size_t end = text.find('\n');
    std::string_view line = Trim(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.starts_with('[') && line.ends_with(']'))
      inside = Trim(line.substr(1, line.size() - 2)) == section;
    else if (const std::size_t at = line.find('=');
             inside && !line.starts_with('#') && at != std::string_view::npos && Trim(line.substr(0, at)) == key)
      found = Trim(line.substr(at + 1));
  }
  return found;
}

// The text of the first <tag>...</tag>.
std::string Element(std::string_view xml, const std::string& tag) {
  const std::string open = "<" + tag + ">";
  const std::size_t at = xml.find(open), end = xml.find("</" + tag + ">", at == std::string_view::npos ? 0 : at);
  if (at == std::string_view::npos || end == std::string_view::npos) return "";
  return std::string(xml.substr(at + open.size(), end - at - open.size()));
}

// Keys of a role: they must end at a time that is said.
Result<AwsKeys> RoleKeys(AwsKeys keys, const std::string& expiration, const std::string& who) {
  const auto until = ParseTime(expiration);
  if (keys.access_key.empty() || keys.secret_key.empty() || !until.ok())
    return Error{ErrorCode::kUnavailable, who + " gave no keys with a time at which they end"};
  keys.expires_ms = until.value();
  return keys;
}

Result<AwsKeys> ReadRoleJson(const std::string& text, const std::string& who) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto field = [&](const char* name) {
    return json.is_object() && json.contains(name) && json[name].is_string() ? json[name].get<std::string>() : "";
  };
  return RoleKeys({field("AccessKeyId"), field("SecretAccessKey"), field("Token")}, field("Expiration"), who);
}

// Where a token of this machine may be sent without TLS: to itself, or to the services on link-local addresses.
bool MayAskInTheClear(const std::string& url) {
  for (const char* host : {"127.0.0.1", "localhost", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"}) {
    const std::string start = std::string("http://") + host;
    if (url == start || url.starts_with(start + ":") || url.starts_with(start + "/")) return true;
  }
  return false;
}

}  // namespace

AwsCredentials::AwsCredentials(Variables variables, const Clock& clock)
    : variables_(std::move(variables)),
      clock_(clock),
      http_(MakeHttpCaller({.allow_private = true, .connect_timeout_ms = 2 * kSecondMs})) {}

Result<AwsKeys> AwsCredentials::Keys() {
  const MutexLock lock(mutex_);
  const std::int64_t now_ms = clock_.now_ms();
  if (has_keys_ && now_ms < keys_.expires_ms - kRefreshMs) return keys_;
  auto found = Find();
  if (!found.ok() && has_keys_ && now_ms < keys_.expires_ms) return keys_;
  GFR_ASSIGN(keys_, std::move(found));
  has_keys_ = true;
  return keys_;
}

std::string AwsCredentials::Region() const {
  for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    if (std::string region = variables_(name); !region.empty()) return region;
  }
  return OfProfile("region");
}

Result<AwsKeys> AwsCredentials::Find() const {
  AwsKeys keys{variables_("AWS_ACCESS_KEY_ID"), variables_("AWS_SECRET_ACCESS_KEY"), variables_("AWS_SESSION_TOKEN")};
  if (!keys.access_key.empty() && !keys.secret_key.empty()) return keys;
  if (!variables_("AWS_WEB_IDENTITY_TOKEN_FILE").empty() && !variables_("AWS_ROLE_ARN").empty()) return OfWebIdentity();
  keys = {OfProfile("aws_access_key_id"), OfProfile("aws_secret_access_key"), OfProfile("aws_session_token")};
  if (!keys.access_key.empty() && !keys.secret_key.empty()) return keys;
  if (const std::string profile = variables_("AWS_PROFILE"); !profile.empty())
    return Error{ErrorCode::kInvalidArgument, "the AWS profile '" + profile +
                                                  "' (AWS_PROFILE) has no aws_access_key_id and aws_secret_access_key; "
                                                  "profiles of other kinds are not followed"};
  if (!variables_("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").empty() ||
      !variables_("AWS_CONTAINER_CREDENTIALS_FULL_URI").empty())
    return OfContainer();
  auto instance = OfInstance();
  if (instance.ok()) return instance;
  return Error{ErrorCode::kInvalidArgument,
               "there are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, or a "
               "profile in ~/.aws/credentials, or give the machine a role (" +
                   instance.error().message + ")"};
}

std::string AwsCredentials::OfProfile(const std::string& key) const {
  const std::string home = variables_("HOME"), named = variables_("AWS_PROFILE");
  const std::string profile = named.empty() ? "default" : named;
  const auto value = [&](const char* variable, const char* otherwise, const std::string& section) -> std::string {
    std::string path = variables_(variable);
    if (path.empty() && !home.empty()) path = JoinPath(home, otherwise);
    if (path.empty()) return "";
    const auto text = PosixFileSystem().ReadAll(path);
    return text.ok() ? IniValue(text.value(), section, key) : "";
  };
  const std::string found = value("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", profile);
  return !found.empty()
             ? found
             : value("AWS_CONFIG_FILE", ".aws/config", profile == "default" ? profile : "profile " + profile);
}

// The reply's body. Whatever is not 200 is an error of `what`.
Result<std::string> AwsCredentials::Ask(HttpCall call, const std::string& what) const {
  call.deadline_ms = MonotonicMs() + kAskMs;
  call.max_reply_bytes = kMostReplyBytes;
  GFR_ASSIGN(HttpAnswer answer, http_->Send(call));
  if (answer.status != 200) return Error{ErrorCode::kUnavailable, what + " answered " + std::to_string(answer.status)};
  return std::move(answer.body);
}

Result<AwsKeys> AwsCredentials::OfWebIdentity() const {
  const std::string path = variables_("AWS_WEB_IDENTITY_TOKEN_FILE");
  const auto token = PosixFileSystem().ReadAll(path);  // Anew each time: it is replaced before it ends.
  if (!token.ok())
    return Error{ErrorCode::kInvalidArgument, "AWS_WEB_IDENTITY_TOKEN_FILE cannot be read: " + token.error().message};
  std::string session = variables_("AWS_ROLE_SESSION_NAME"), url = variables_("AWS_ENDPOINT_URL_STS");
  if (session.empty()) session = "gfr";
  if (url.empty()) url = variables_("AWS_ENDPOINT_URL");
  if (url.empty()) {
    const std::string region = Region();
    url = "https://sts." + (region.empty() ? std::string("us-east-1") : region) + ".amazonaws.com";
  }
  while (url.ends_with('/')) url.pop_back();
  const std::string body =
      "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=" + PercentEncode(variables_("AWS_ROLE_ARN")) +
      "&RoleSessionName=" + PercentEncode(session) + "&WebIdentityToken=" + PercentEncode(Trim(token.value()));
  GFR_ASSIGN(const std::string reply, Ask({.method = "POST",
                                           .url = url + "/",
                                           .headers = {"Content-Type: application/x-www-form-urlencoded"},
                                           .body = body},
                                          "STS, asked for the role of a web identity,"));
  return RoleKeys({Element(reply, "AccessKeyId"), Element(reply, "SecretAccessKey"), Element(reply, "SessionToken")},
                  Element(reply, "Expiration"), "STS");
}

Result<AwsKeys> AwsCredentials::OfContainer() const {
  std::string url = variables_("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (const std::string path = variables_("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); !path.empty())
    url = kContainerHost + path;
  if (!url.starts_with("https://") && !MayAskInTheClear(url))
    return Error{ErrorCode::kInvalidArgument,
                 "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor of this machine or a link-local service"};
  std::string token = variables_("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (const std::string path = variables_("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); !path.empty()) {
    GFR_ASSIGN(token, PosixFileSystem().ReadAll(path));
  }
  HttpCall call{.url = url};
  if (!token.empty()) call.headers.push_back("Authorization: " + std::string(Trim(token)));
  GFR_ASSIGN(const std::string reply, Ask(std::move(call), "the container's credentials"));
  return ReadRoleJson(reply, "the container's credentials");
}

Result<AwsKeys> AwsCredentials::OfInstance() const {
  if (variables_("AWS_EC2_METADATA_DISABLED") == "true")
    return Error{ErrorCode::kInvalidArgument, "AWS_EC2_METADATA_DISABLED is true"};
  std::string host = variables_("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (host.empty()) host = kInstanceHost;
  while (host.ends_with('/')) host.pop_back();
  const std::string who = "the instance's metadata service",
                    path = host + "/latest/meta-data/iam/security-credentials/";
  GFR_ASSIGN(const std::string token, Ask({.method = "PUT",
                                           .url = host + "/latest/api/token",
                                           .headers = {"X-aws-ec2-metadata-token-ttl-seconds: 300"}},
                                          who));
  const std::vector<std::string> headers = {"X-aws-ec2-metadata-token: " + token};
  GFR_ASSIGN(const std::string roles, Ask({.url = path, .headers = headers}, who));
  const std::string role(Trim(std::string_view(roles).substr(0, roles.find('\n'))));
  GFR_ASSIGN(const std::string reply, Ask({.url = path + role, .headers = headers}, who));
  return ReadRoleJson(reply, who);
}

}  // namespace gfr
