// strtol, strtoul, strncmp and csum_diff against the running kernel's.
#include <doctest/doctest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "support/fake_env.hpp"
#include "support/helper_oracle.hpp"

using namespace skep;
using abi::HelperId;
using fake::address_of;
using fake::FakeEnv;
using kernel::HelperOracle;
using Arg = HelperOracle::Arg;
using Data = HelperOracle::Data;

namespace {

constexpr std::int64_t kInAt = 64;
constexpr std::int64_t kToAt = 2048;

Data with_text(const std::string& text) {
  Data data{};
  data[0] = std::byte{0xee};  // where a result goes
  std::memcpy(data.data() + kInAt, text.data(), text.size());
  return data;
}

// Makes the call here, with the addresses that the arguments name.
std::int64_t ours(HelperId id, const std::array<Arg, 5>& args, Data& data, const std::string& text = {}) {
  RawContext context;
  FakeEnv env(context);
  std::array<std::uint64_t, 5> values;
  for (std::size_t i = 0; i < args.size(); ++i) switch (args[i].kind) {
      case Arg::number:
        values[i] = static_cast<std::uint64_t>(args[i].value);
        break;
      case Arg::data:
        values[i] = address_of(data.data() + args[i].value);
        break;
      case Arg::text:
        values[i] = address_of(text.c_str());
        break;
    }
  return env.call(id, values[0], values[1], values[2], values[3], values[4]);
}

/// Whether both sides give the same r0 and memory; one message when not.
class Comparison {
 public:
  bool available() {
    const auto reason = kernel::unavailable_or_older();
    if (reason) MESSAGE("SKIP: ", *reason);
    return !reason;
  }
  void compare(HelperId id, const std::array<Arg, 5>& args, const Data& data, const std::string& what,
               const std::string& text = {}) {
    ++count;
    Data mine = data;
    const std::int64_t r0 = ours(id, args, mine, text);
    const auto theirs = oracle_.call(id, args, data, text);
    if (!theirs) {
      ++differences;
      MESSAGE(what, ": kernel refused: ", oracle_.log());
    } else if (theirs->r0 != r0 || theirs->data != mine) {
      ++differences;
      MESSAGE(what, ": ours ", r0, ", kernel ", theirs->r0,
              std::string(theirs->data == mine ? "" : ", and memory differs"));
    }
  }
  std::size_t count = 0;
  std::size_t differences = 0;

 private:
  HelperOracle oracle_;
};

std::vector<std::string> number_texts() {
  std::vector<std::string> texts{"0",
                                 "1",
                                 "-1",
                                 "+1",
                                 "--1",
                                 "- 1",
                                 "-",
                                 " ",
                                 "",
                                 "  42",
                                 "\t\n\v\f\r 7",
                                 "\xa0"
                                 "5",
                                 "12x",
                                 "x12",
                                 "0x",
                                 "0X",
                                 "0x1",
                                 "0X1f",
                                 "0xg",
                                 "-0x10",
                                 "-0",
                                 "-00",
                                 "010",
                                 "08",
                                 "0b1",
                                 "00x1",
                                 "077777",
                                 "-077",
                                 "deadbeef",
                                 "DEADBEEF",
                                 "g",
                                 "9223372036854775807",
                                 "9223372036854775808",
                                 "-9223372036854775808",
                                 "-9223372036854775809",
                                 "18446744073709551615",
                                 "18446744073709551616",
                                 "-18446744073709551615",
                                 "-18446744073709551616",
                                 "99999999999999999999999999",
                                 "0xffffffffffffffff",
                                 "0x10000000000000000",
                                 "-0xffffffffffffffff",
                                 "0x7fffffffffffffff",
                                 "0x8000000000000000",
                                 "-0x8000000000000000",
                                 "1777777777777777777777",
                                 "2000000000000000000000",
                                 "01777777777777777777777",
                                 "1 2",
                                 "1\n",
                                 "1,000",
                                 "1e5",
                                 "1.5",
                                 "0 ",
                                 "0x 1",
                                 "0xx1",
                                 "1-",
                                 "1/",
                                 "1:",
                                 "9@",
                                 "9`",
                                 "000000000000000000000000000000000000000000000000000000000000000000000001",
                                 "-000000000000000000000000000000000000"
                                 "0000000000000000000000000000000001",
                                 "0x00000000000000000000000000000000000000000000000000000000000000000001"};
  std::mt19937 random(7);
  static constexpr std::string_view kAlphabet = "0012345678999abfxX- \t";
  for (int i = 0; i < 60; ++i) {
    std::string text(random() % 26 + 1, '0');
    for (char& c : text) c = kAlphabet[random() % kAlphabet.size()];
    texts.push_back(text);
  }
  return texts;
}

}  // namespace

TEST_CASE("bpf_strtol and bpf_strtoul give the running kernel's number and result") {
  Comparison comparison;
  if (!comparison.available()) return;
  for (const std::string& text : number_texts())
    for (const std::int64_t flags : {0, 8, 10, 16}) {
      // With the NUL, without it, and with bytes behind it.
      const auto size = static_cast<std::int64_t>(text.size());
      for (const std::int64_t bytes : {size, size + 1}) {
        if (bytes == 0) continue;
        const std::array<Arg, 5> args{Arg{Arg::data, kInAt}, Arg{Arg::number, bytes}, Arg{Arg::number, flags},
                                      Arg{Arg::data, 0}, Arg{}};
        const std::string what = "'" + text + "' flags " + std::to_string(flags);
        comparison.compare(HelperId::strtol, args, with_text(text), "strtol " + what);
        comparison.compare(HelperId::strtoul, args, with_text(text), "strtoul " + what);
      }
    }
  for (const std::int64_t flags : {1ll, 2ll, 7ll, 9ll, 31ll, 32ll, 42ll, 1ll << 32, -1ll}) {
    const std::array<Arg, 5> args{Arg{Arg::data, kInAt}, Arg{Arg::number, 2}, Arg{Arg::number, flags},
                                  Arg{Arg::data, 0}, Arg{}};
    comparison.compare(HelperId::strtol, args, with_text("12"), "strtol flags " + std::to_string(flags));
    comparison.compare(HelperId::strtoul, args, with_text("12"), "strtoul flags " + std::to_string(flags));
  }
  CHECK(comparison.differences == 0);
  CHECK(comparison.count > 1500);
}

TEST_CASE("bpf_strncmp gives the running kernel's order") {
  Comparison comparison;
  if (!comparison.available()) return;
  const std::vector<std::string> texts{
      "", "a", "b", "ab", "abc", "abd", "aB", "ab\xff", "ab\x7f", "abcdefghijklmnop", "abcdefghijklmnoq"};
  for (const std::string& left : texts)
    for (const std::string& right : texts)
      for (const std::int64_t size : {1, 2, 3, 8, 17, 100})
        comparison.compare(HelperId::strncmp,
                           {Arg{Arg::data, kInAt}, Arg{Arg::number, size}, Arg{Arg::text, 0}, Arg{}, Arg{}},
                           with_text(left), "strncmp '" + left + "' '" + right + "' " + std::to_string(size), right);
  CHECK(comparison.differences == 0);
  CHECK(comparison.count > 600);
}

TEST_CASE("bpf_csum_diff gives the running kernel's sum for every pair of sizes, seeds and the extremes of data") {
  Comparison comparison;
  if (!comparison.available()) return;
  std::mt19937 random(3);
  const auto compare = [&](const Data& data, std::int64_t from_size, std::int64_t to_size, std::int64_t seed) {
    const Arg null{Arg::number, 0};
    comparison.compare(
        HelperId::csum_diff,
        {from_size == 0 ? null : Arg{Arg::data, kInAt}, Arg{Arg::number, from_size},
         to_size == 0 ? null : Arg{Arg::data, kToAt}, Arg{Arg::number, to_size}, Arg{Arg::number, seed}},
        data, "csum_diff " + std::to_string(from_size) + " " + std::to_string(to_size) + " " + std::to_string(seed));
  };
  Data zero{};
  Data ones;
  ones.fill(std::byte{0xff});
  Data mixed = zero;
  std::fill(mixed.begin() + kToAt, mixed.end(), std::byte{0xff});
  Data noise;
  for (auto& byte : noise) byte = static_cast<std::byte>(random());
  for (const Data& data : {zero, ones, mixed, noise})
    for (const std::int64_t seed :
         {0ll, 1ll, 0xffffll, 0x10000ll, 0xffff0000ll, 0xffffffffll, 0x12345678ll, 0x1'0000'0001ll, -1ll})
      for (const std::int64_t from : {0, 4, 8, 20, 256, 512})
        for (const std::int64_t to : {0, 4, 12, 20, 512}) compare(data, from, to, seed);
  for (const std::int64_t size : {1, 2, 3, 5, 6, 7, 510, 513, 514, 516, 520, 1024, 1500}) {
    compare(noise, size, 0, 5);
    compare(noise, 0, size, 5);
    compare(noise, size, size, 5);
    compare(noise, 4, size, 5);
  }
  CHECK(comparison.differences == 0);
  CHECK(comparison.count > 1000);
}

TEST_CASE("number parsing reads no byte behind its size") {
  RawContext context;
  FakeEnv env(context);
  std::uint64_t number = 5;
  for (const std::string text : {"", " ", "-", "0", "0x", "7", "0x1", "   -12"}) {
    const std::vector<char> exact(text.begin(), text.end());  // the sanitizer guards its end
    for (const std::uint64_t base : {0, 8, 10, 16}) {
      const std::int64_t took =
          env.call(HelperId::strtol, address_of(exact.data()), exact.size(), base, address_of(&number));
      CHECK(took <= static_cast<std::int64_t>(text.size()));
    }
  }
  CHECK(env.call(HelperId::strtoul, address_of("1"), 0, 10, address_of(&number)) == -EINVAL);
  CHECK(number == 0);
}

TEST_CASE("bpf_strncmp stops where the readable memory ends, NUL or not") {
  RawContext context;
  FakeEnv env(context);
  const std::string left = "abcdef";
  std::array<std::byte, 3> right{std::byte{'a'}, std::byte{'b'}, std::byte{'c'}};
  env.regions = {right};
  CHECK(env.call(HelperId::strncmp, address_of(left.c_str()), left.size(), address_of(right.data())) == 0);
}
