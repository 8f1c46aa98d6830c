// Rows of 128 bytes: this process's tables against a Redis on a unix socket, and tables of 10M entities.
//
// usage: store_vs_redis_bench [--tiny] [rows|large]
// Every comparison is a ratio within this run: its sides take turns, so that both see the same machine. Fails when a
// row that was read is not the row that was written.
#include <hiredis/hiredis.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/rng.h"
#include "store/redis_rows.h"
#include "store/test_redis.h"

namespace gfr {
namespace {

constexpr std::uint32_t kRowBytes = 128;
constexpr std::size_t kRequestRows = 1000, kReadRows = 100;
constexpr int kTurn = 8;  // Requests of one way before the next one's.

void Require(bool ok, const std::string& what) {
  if (ok) return;
  std::fprintf(stderr, "store_vs_redis: %s\n", what.c_str());
  std::exit(1);
}

double Micros() {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Of this process: on a busy machine the wall's seconds are the neighbours', too.
double CpuSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

double Quantile(std::vector<double>& sorted, double q) {
  std::sort(sorted.begin(), sorted.end());
  return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(q * static_cast<double>(sorted.size())))];
}

std::string IdOf(std::uint64_t i) { return "item-" + std::to_string(1000000 + i); }

void Fill(std::byte* row, std::uint64_t word) {
  for (std::uint32_t b = 0; b < kRowBytes; b += 8) std::memcpy(row + b, &word, 8);
}

// Reads every word of a row; one function for all, so that none is inlined better than another. 16 bytes at a time:
// what is measured is how rows come, and the fewer instructions lie between two of them, the more are under way.
[[gnu::noinline]] std::uint64_t Sum(const void* row) {
  using Words [[gnu::vector_size(16)]] = std::uint64_t;
  Words a = {}, b = {};  // Not one chain of additions.
  for (const char* at = static_cast<const char*>(row); at != static_cast<const char*>(row) + kRowBytes; at += 32) {
    Words words[2];
    std::memcpy(words, at, 32);
    a += words[0];
    b += words[1];
  }
  a += b;
  return a[0] + a[1];
}

std::uint64_t Sum(std::span<const std::byte* const> rows) {
  std::uint64_t sum = 0;
  for (const std::byte* row : rows) sum += Sum(row);
  return sum;
}

// hiredis as its manual has it: a request's rows by `parts` pipelined MGETs.
std::uint64_t Mget(redisContext* redis, std::span<const std::string* const> ids, std::size_t parts) {
  std::vector<const char*> words;
  std::vector<std::size_t> sizes;
  for (std::size_t p = 0; p < parts; ++p) {
    words.assign(1, "MGET");
    sizes.assign(1, 4);
    for (std::size_t i = ids.size() * p / parts; i < ids.size() * (p + 1) / parts; ++i) {
      words.push_back(ids[i]->data());
      sizes.push_back(ids[i]->size());
    }
    redisAppendCommandArgv(redis, static_cast<int>(words.size()), words.data(), sizes.data());
  }
  std::uint64_t sum = 0;
  for (std::size_t p = 0; p < parts; ++p) {
    void* got = nullptr;
    Require(redisGetReply(redis, &got) == REDIS_OK, "hiredis: no reply");
    auto* reply = static_cast<redisReply*>(got);
    for (std::size_t i = 0; i < reply->elements; ++i) sum += Sum(reply->element[i]->str);
    freeReplyObject(reply);
  }
  return sum;
}

void AgainstRedis(std::uint64_t items, int rounds) {
  TestRedis server;
  Timeline timeline;
  VersionedTable table(timeline, kRowBytes);
  std::vector<std::string> ids;
  redisContext* redis = redisConnectUnix(server.address().path.c_str());
  Require(redis != nullptr && redis->err == 0, "hiredis cannot connect");
  for (std::uint64_t i = 0; i < items; ++i) {
    ids.push_back(IdOf(i));
    std::byte* row = table.Write(KeyOf(ids.back()), 1);
    Fill(row, i);
    redisAppendCommand(redis, "SET %b %b", ids.back().data(), ids.back().size(), row, std::size_t{kRowBytes});
    if (i % 1000 == 999 || i + 1 == items) {
      for (std::uint64_t n = i % 1000 + 1; n > 0; --n) {
        void* reply = nullptr;
        Require(redisGetReply(redis, &reply) == REDIS_OK, "hiredis cannot SET");
        freeReplyObject(reply);
      }
    }
  }
  timeline.Publish(1);
  const RedisRowsConfig config{
      .server = server.address(), .space = "items", .row_bytes = {kRowBytes}, .timeout_ms = 5000};
  RedisRowOwner owner(config, {&table}, "bench", 1);
  Require(owner.Take().ok() && owner.Publish(timeline.Hold(), {}).ok(), "the rows cannot be published");
  EmbeddedRowReader embedded(timeline, {&table});
  RedisRowReader remote(config);

  enum { kByDenseId, kByKey, kByString, kMget1, kMget4, kMget16, kReader, kWays };
  const char* names[kWays] = {"embedded, by dense id",       "embedded, by key",          "embedded, by string id",
                              "Redis MGET, hiredis",         "Redis MGET x 4, pipelined", "Redis MGET x 16, pipelined",
                              "Redis, this project's reader"};
  std::vector<double> us[kWays];
  Rng rng(1);
  RowLease lease;
  std::vector<std::uint32_t> dense(kRequestRows);
  std::vector<Key> keys(kRequestRows);
  std::vector<const std::string*> wanted(kRequestRows);
  std::vector<const std::byte*> rows(kRequestRows);
  const RowQuery query{0, keys, rows};
  for (int round = 0; round < rounds; ++round) {
    for (int turn = 0; turn < kWays * kTurn; ++turn) {
      const int way = turn / kTurn;
      std::uint64_t want = 0, sum = 0;
      for (std::size_t i = 0; i < kRequestRows; ++i) {
        const std::uint64_t item = rng.Below(items);
        want += item * (kRowBytes / 8);
        wanted[i] = &ids[item];
        keys[i] = KeyOf(ids[item]);
        dense[i] = static_cast<std::uint32_t>(item);
      }
      const double start = Micros();
      if (way == kByDenseId) {
        const Pin pin = timeline.Hold();
        table.AtMany(dense, pin, rows);
        sum = Sum(rows);
      } else if (way == kByKey || way == kByString || way == kReader) {
        for (std::size_t i = 0; i < kRequestRows && way == kByString; ++i) keys[i] = KeyOf(*wanted[i]);
        (way == kReader ? static_cast<RowReader&>(remote) : embedded).Fetch({&query, 1}, &lease);
        Require(!lease.degraded(), "the reader is degraded: " + remote.last_error());
        sum = Sum(rows);
      } else {
        sum = Mget(redis, wanted, way == kMget1 ? 1 : way == kMget4 ? 4 : 16);
      }
      if (turn % kTurn > 0) us[way].push_back(Micros() - start);  // The first of a turn finds others' cache lines.
      Require(sum == want, std::string(names[way]) + ": other rows than were written");
    }
  }
  redisFree(redis);
  double median[kWays];
  for (int way = 0; way < kWays; ++way) median[way] = Quantile(us[way], 0.5);
  const double best = std::min({median[kMget1], median[kMget4], median[kMget16]});
  std::printf("1,000 random rows of %u bytes, of %llu items, unix socket, median of %zu\n", kRowBytes,
              static_cast<unsigned long long>(items), us[0].size());
  for (int way = 0; way < kWays; ++way)
    std::printf("  %-30s %9.1f us   MGET takes %6.1f x that, the best pipelined %6.1f x\n", names[way], median[way],
                median[kMget1] / median[way], best / median[way]);
}

std::size_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

struct Latencies {
  std::vector<double> us;
  void Print(const char* name) {
    std::printf("  %-28s p50 %7.2f us  p99 %7.2f us  p99.99 %8.2f us  (%zu reads)\n", name, Quantile(us, 0.5),
                Quantile(us, 0.99), Quantile(us, 0.9999), us.size());
  }
};

// Reads for `seconds`; a write happens between any two of them or does not, as the caller arranged.
void Read(Timeline& timeline, const VersionedTable& table, double seconds, Rng& rng, Latencies* latencies) {
  std::vector<Key> keys(kReadRows);
  std::vector<const std::byte*> rows(kReadRows);
  std::uint64_t sum = 0;
  for (const double end = Micros() + seconds * 1e6; Micros() < end;) {
    for (Key& key : keys) key = table.KeyAt(static_cast<std::uint32_t>(rng.Below(table.size())));
    const double start = Micros();
    {
      const Pin pin = timeline.Hold();
      table.FindMany(keys, pin, rows);
      sum += Sum(rows);
    }
    latencies->us.push_back(Micros() - start);
  }
  Require(sum != 0, "the rows are empty");
}

// Builds a table of so many entities and saves it to `path`; the file's size comes back.
std::size_t BuildAndSave(FileSystem& fs, const std::string& path, std::uint32_t entities) {
  const std::size_t before = ResidentBytes();
  Timeline timeline;
  VersionedTable table(timeline, kRowBytes);
  timeline.SetExclusive(true);
  const double start = Micros(), start_cpu = CpuSeconds();
  for (std::uint64_t i = 0; i < entities; ++i) Fill(table.Write(Hash64(&i, 8) | 1, 1), i + 1);
  const double built = Micros(), built_cpu = CpuSeconds();
  timeline.SetExclusive(false);
  std::printf(
      "%u entities of %u bytes\n  %.1f bytes an entity (%.1f over its row), %.1f resident; built in %.2f s (%.2f s "
      "of CPU)\n",
      table.size(), kRowBytes, static_cast<double>(table.memory_bytes()) / table.size(),
      static_cast<double>(table.memory_bytes()) / table.size() - kRowBytes,
      static_cast<double>(ResidentBytes() - before) / table.size(), (built - start) / 1e6, built_cpu - start_cpu);
  auto file = fs.OpenForWrite(path, false);
  Require(file.ok(), "the snapshot's file cannot be made");
  const double save = Micros(), save_cpu = CpuSeconds();
  const Pin pin = timeline.Hold();
  const ByteSink sink = [&](std::string_view piece) { return file.value()->Append(piece); };
  Require(table.Save(pin, sink).ok() && file.value()->Sync().ok(), "the table cannot be saved");
  const std::size_t bytes = file.value()->size();
  std::printf("  saved in %.2f s (%.2f s of CPU), synced: %.0f MB\n", (Micros() - save) / 1e6, CpuSeconds() - save_cpu,
              static_cast<double>(bytes) / 1e6);
  return bytes;
}

void Large(std::uint32_t entities, double seconds) {
  TestFolder folder;
  FileSystem& fs = PosixFileSystem();
  const std::size_t bytes = BuildAndSave(fs, folder / "table", entities);
  Timeline timeline;
  VersionedTable table(timeline, kRowBytes);
  timeline.SetExclusive(true);
  const double start = Micros(), start_cpu = CpuSeconds();
  const auto file = fs.OpenForRead(folder / "table");
  Require(file.ok(), "the snapshot's file cannot be read");
  FileSource source(*file.value(), 0, bytes);
  const Status restored = table.Restore(source);
  Require(restored.ok() && table.size() == entities, "the table cannot be restored");
  timeline.SetExclusive(false);
  std::printf("  started from the snapshot in %.2f s (%.2f s of CPU), its file in the page cache\n",
              (Micros() - start) / 1e6, CpuSeconds() - start_cpu);

  // Writers: 100 updates and a Publish each millisecond, which is 100,000 updates a second.
  std::atomic<bool> write{false}, stop{false};
  std::atomic<std::uint64_t> writes{0};
  std::thread writer([&] {
    Rng rng(2);
    std::int64_t stamp = timeline.published();
    for (double due = Micros(); !stop;) {
      if (!write) {
        usleep(1000);
        due = Micros();
        continue;
      }
      for (int i = 0; i < 100; ++i) {
        const Key key = table.KeyAt(static_cast<std::uint32_t>(rng.Below(table.size())));
        Fill(table.Write(key, stamp + 1), static_cast<std::uint64_t>(stamp) + 1);
      }
      timeline.Publish(++stamp);
      writes += 100;
      due += 1000;
      if (const double left = due - Micros(); left > 0) usleep(static_cast<useconds_t>(left));
    }
  });
  Latencies alone, beside;
  Rng rng(3);
  double written = 0;
  for (int turn = 0; turn < 8; ++turn) {
    write = turn % 2 == 1;
    usleep(5000);
    const double begin = Micros();
    const std::uint64_t before = writes;
    Read(timeline, table, seconds / 8, rng, turn % 2 == 1 ? &beside : &alone);
    if (turn % 2 == 1) written += static_cast<double>(writes - before) / ((Micros() - begin) / 1e6) / 4;
  }
  stop = true;
  writer.join();
  std::printf("a read of 100 random rows, turns of %.1f s\n", seconds / 8);
  alone.Print("without a writer");
  char name[64];
  std::snprintf(name, sizeof name, "beside %.0f updates/s", written);
  beside.Print(name);
  std::printf("  ratio                        p50 %7.2f x   p99 %7.2f x   p99.99 %8.2f x\n",
              Quantile(beside.us, 0.5) / Quantile(alone.us, 0.5), Quantile(beside.us, 0.99) / Quantile(alone.us, 0.99),
              Quantile(beside.us, 0.9999) / Quantile(alone.us, 0.9999));
  std::printf("  %zu versions of %u entities\n", table.versions(), table.size());
}

}  // namespace
}  // namespace gfr

int main(int argc, char** argv) {
  bool tiny = false, rows = true, large = true;
  for (int a = 1; a < argc; ++a) {
    const std::string_view word = argv[a];
    if (word == "--tiny") tiny = true;
    if (word == "rows") large = false;
    if (word == "large") rows = false;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  if (rows) {
    gfr::AgainstRedis(1000, tiny ? 2 : 100);  // All in the second-level cache, as a shop's busiest items are.
    gfr::AgainstRedis(tiny ? 5000 : 200000, tiny ? 2 : 100);
  }
  if (large) gfr::Large(tiny ? 20000 : 10000000, tiny ? 0.08 : 16);
  return 0;
}
