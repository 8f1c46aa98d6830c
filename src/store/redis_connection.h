// RedisConnection: pipelined commands to one Redis, with a deadline on everything and no signal, whatever the server
// does. hiredis reads the replies.
//
// Deadlines are of MonotonicMs(). After an error the connection is of no more use. Thread safety: one thread at a time.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/online_address.h"

struct redisReply;
struct redisReader;

namespace gfr {

class RedisReply {
 public:
  explicit RedisReply(redisReply* reply) : reply_(reply) {}
  bool error() const;  // text() is the server's message.
  bool null() const;
  std::string_view text() const;  // Of a string, status or error; else empty.
  std::size_t size() const;       // Of an array.
  std::string_view text(std::size_t i) const;
  bool is_text(std::size_t i) const;                        // REQUIRES: i < size().
  std::vector<std::string_view> list(std::size_t i) const;  // Of an array in an array.

 private:
  struct Free {
    void operator()(redisReply* reply) const;
  };
  std::unique_ptr<redisReply, Free> reply_;
};

class RedisConnection {
 public:
  // A host's name is looked up before, without a deadline. kUnavailable.
  static Result<std::unique_ptr<RedisConnection>> Open(const RedisAddress& address, std::int64_t deadline_ms);
  RedisConnection(const RedisConnection&) = delete;
  ~RedisConnection();

  // A command's words, piece by piece: Begin(3), then three times Add.
  void Begin(std::size_t words);
  void Add(std::string_view word);
  void Command(std::initializer_list<std::string_view> words);
  std::size_t unsent() const { return out_.size() - sent_; }
  // The next reply, one for each command in their order; sends what is not sent yet. kUnavailable: no answer in time.
  Result<RedisReply> Next(std::int64_t deadline_ms);

 private:
  explicit RedisConnection(int fd);
  const int fd_;
  redisReader* const reader_;
  std::string out_;
  std::size_t sent_ = 0;
};

}  // namespace gfr
