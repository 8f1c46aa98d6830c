// ObjectStore: whole objects under names with slashes, in a local folder or in an S3 bucket.
//
// An object is the old one or the new one, never a part. PutIfAbsent is the one way to commit against other writers: of
// two at the same time one is told kAlreadyExists. Names are letters, digits, '.', '_', '-', '=' and '/', without "..":
// else kInvalidArgument. Errors: kNotFound; kUnavailable with what the system or the server said. Thread safety: all
// calls.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"

namespace gfr {

class AwsCredentials;

class ObjectStore {
 public:
  virtual ~ObjectStore() = default;
  virtual Result<std::string> Get(const std::string& name) = 0;
  // What lies directly in a folder ("a/b"; "" is the root): objects and folders by their last part, sorted; a missing
  // folder is empty.
  virtual Result<std::vector<std::string>> List(const std::string& folder) = 0;
  virtual Status Put(const std::string& name, std::string_view content) = 0;
  virtual Status PutIfAbsent(const std::string& name, std::string_view content) = 0;
  virtual Status Remove(const std::string& name) = 0;  // A missing one is no error.
  virtual std::string Describe() const = 0;            // For messages: the folder, or s3://bucket/prefix.
};

// A folder, made when first written to. Writers in several processes exclude each other by a lock file.
std::shared_ptr<ObjectStore> LocalObjectStore(FileSystem& fs, std::string folder);

struct S3Options {
  std::string bucket, prefix;
  std::string endpoint;  // "http://127.0.0.1:5000" of another S3 server; empty: Amazon's.
  std::string region = "us-east-1";
  std::string access_key, secret_key, session_token;
  std::shared_ptr<AwsCredentials> credentials = nullptr;  // Asked before each call instead of the keys above.
  // A call that got no whole answer, or 408, 429 or 5xx, is tried so often in all: after about first_wait_ms, and twice
  // as long each time.
  int tries = 6;
  std::int64_t first_wait_ms = 100;
};

// "s3://bucket/prefix", with the credentials of the standard chain (aws_credentials.h), and AWS_ENDPOINT_URL_S3 or
// AWS_ENDPOINT_URL of the environment. kInvalidArgument names what is missing.
Result<S3Options> S3OptionsOf(const std::string& url);
// Of a PutIfAbsent that was tried again, an object that is there and has the very content is taken to be its own.
Result<std::shared_ptr<ObjectStore>> S3ObjectStore(S3Options options);

// kInvalidArgument unless `name` is one that every store can hold.
Status CheckObjectName(const std::string& name);

}  // namespace gfr
