#include <gtest/gtest.h>

#include "base/byte_reader.h"
#include "base/config.h"
#include "base/file_system.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/size.h"
#include "base/test_folder.h"
#include "base/time.h"

namespace gfr {
namespace {

TEST(Time, RoundTripsThroughItsText) {
  Rng rng(1);
  for (int i = 0; i < 1000; ++i) {
    const std::int64_t t = static_cast<std::int64_t>(rng.Below(250000000000000ull));
    ASSERT_EQ(ParseTime(FormatTime(t)).value(), t);
  }
}

TEST(Time, ReadsZonesAndRefusesWhatIsNoTime) {
  EXPECT_EQ(ParseTime("2018-11-07T01:00:00+01:00").value(), ParseTime("2018-11-07").value());
  for (const char* bad : {"", "2018", "2018-13-01", "2018-02-30", "2018-11-07T25:00:00Z", "2018-11-07T10:00:00",
                          "2018-11-07T10:00:00Zx"}) {
    EXPECT_FALSE(ParseTime(bad).ok()) << bad;
  }
}

TEST(Duration, ReadsItsUnitsAndRefusesOthers) {
  EXPECT_EQ(ParseDuration("30m").value(), 30 * kMinuteMs);
  EXPECT_EQ(FormatDuration(ParseDuration("7d").value()), "7d");
  for (const char* bad : {"", "m", "-1s", "5 y", "99999999999999w"}) EXPECT_FALSE(ParseDuration(bad).ok()) << bad;
}

TEST(ByteReaderTest, ReadsWhatWasPutAndNeverPastTheEnd) {
  std::string bytes;
  const auto put = [&](auto number) { bytes.append(reinterpret_cast<const char*>(&number), sizeof number); };
  put(std::uint16_t{513});
  put(2.5);
  put(std::uint64_t{3});
  bytes += "abc";
  bytes += std::string("\x96\x01", 2);  // 150.
  bytes += "\x03";                      // Zigzag: -2.
  bytes += std::string("\x02hi", 3);
  bytes += "\x01";
  put(1.5f);
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    ByteReader r{std::string_view(bytes).substr(0, size)};
    const auto number = r.Number<std::uint16_t>();
    const auto real = r.Number<double>();
    const auto text = r.Text();
    const auto varint = r.Varint();
    const auto negative = r.Signed();
    const auto string = r.String();
    const auto floats = r.Floats();
    ASSERT_EQ(r.bad, size < bytes.size()) << size;
    if (r.bad) continue;
    EXPECT_EQ(number, 513);
    EXPECT_EQ(real, 2.5);
    EXPECT_EQ(text, "abc");
    EXPECT_EQ(varint, 150u);
    EXPECT_EQ(negative, -2);
    EXPECT_EQ(string, "hi");
    EXPECT_EQ(floats, std::vector<float>{1.5f});
    EXPECT_TRUE(r.left.empty());
  }
  ByteReader many{std::string_view("\xff\xff\xff\xff\x0f rest")};
  EXPECT_TRUE(many.Floats().empty()) << "a count of more than there is allocates nothing";
  EXPECT_TRUE(many.bad);
}

TEST(ResultTest, AValueTakenOfATemporaryOutlivesIt) {
  static_assert(!std::is_reference_v<decltype(std::declval<Result<std::string>>().value())>);
  int ended = 0;
  struct Counted {
    explicit Counted(int* e) : ended(e) {}
    Counted(Counted&& other) noexcept : ended(std::exchange(other.ended, nullptr)) {}
    ~Counted() {
      if (ended != nullptr) ++*ended;
    }
    int* ended;
  };
  {
    const auto& held = Result<Counted>(Counted(&ended)).value();
    EXPECT_EQ(ended, 0) << "it lives as long as its name";
    EXPECT_NE(held.ended, nullptr);
  }
  EXPECT_EQ(ended, 1);
}

TEST(Size, ReadsItsUnitsAndRefusesOthers) {
  EXPECT_EQ(ParseSize("0").value(), 0u);
  EXPECT_EQ(ParseSize("900B").value(), 900u);
  EXPECT_EQ(ParseSize("4GiB").value(), 4ull << 30);
  EXPECT_EQ(ParseSize("16777215TiB").value(), 16777215ull << 40);
  for (const char* bad : {"", "4", "GiB", "-1B", "4 GiB", "4GB", "4gib", "16777216TiB", "99999999999999999999B"})
    EXPECT_FALSE(ParseSize(bad).ok()) << bad;
  EXPECT_EQ(FormatSize(900), "900 B");
  EXPECT_EQ(FormatSize(3ull << 29), "1.50 GiB");
  EXPECT_EQ(FormatSize(123ull << 20), "123 MiB");
}

TEST(Hash, EqualsThePublishedCheckValues) {
  EXPECT_EQ(Crc32c("123456789", 9), 0xe3069283u);
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(KeyOf(""), 0u);
  EXPECT_NE(KeyOf("a"), KeyOf("b"));
}

TEST(Config, NamesFileLineKeyAndWhatIsValid) {
  Config config = Config::Parse("[feed]\nsize = 0\n", "gfr.toml").value();
  Config feed = config.Table("feed");
  feed.Integer("size", 20, 1, 1000);
  ASSERT_FALSE(feed.Finish().ok());
  EXPECT_EQ(feed.Finish().error().ToString(), "gfr.toml:2: [feed] size: is 0, valid is 1 to 1000");
}

TEST(Config, RefusesAKeyThatNobodyReads) {
  Config config = Config::Parse("a = 1\nbb = 2\n", "x.toml").value();
  config.Integer("a", 0, 0, 9);
  EXPECT_EQ(config.Finish().error().where.line, 2);
}

TEST(Config, AnUnknownKeyIsToldTheOptionalOnesToo) {
  auto config = Config::Parse("sizes = 3\n", "x.toml").value();
  EXPECT_EQ(config.String("name", ""), "");
  EXPECT_FALSE(config.Has("size"));  // Optional: read only where it is there.
  EXPECT_EQ(config.Finish().error().message, "unknown key 'sizes'; valid are name, size");
}

TEST(PublishFile, LeavesTheWholeFileAndNothingBeside) {
  TestFolder folder;
  FileSystem& fs = PosixFileSystem();
  ASSERT_TRUE(PublishFile(fs, folder / "a", "one").ok());
  ASSERT_TRUE(PublishFile(fs, folder / "a", "two").ok());
  EXPECT_EQ(fs.ReadAll(folder / "a").value(), "two");
  EXPECT_EQ(fs.List(folder.path()).value().size(), 1u);
}

TEST(FileLock, IsHeldOnceAtATime) {
  TestFolder folder;
  auto first = PosixFileSystem().Lock(folder / "lock");
  ASSERT_TRUE(first.ok());
  EXPECT_FALSE(PosixFileSystem().Lock(folder / "lock").ok());
  first.value().reset();
  EXPECT_TRUE(PosixFileSystem().Lock(folder / "lock").ok());
}

TEST(Config, RefusesWhatIsNoToml) {
  for (const char* bad : {"[", "[*]", "[a", "a", "a =", "[[a]", "a = \"b", "\xff"})
    EXPECT_FALSE(Config::Parse(bad, "t").ok()) << bad;
}

}  // namespace
}  // namespace gfr
