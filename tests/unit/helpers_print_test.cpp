// The formatting helpers against the running kernel's, and against random formats.
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

namespace {

// Where things lie in the memory of a call, both here and in the kernel.
constexpr std::size_t kArgsAt = 0;
constexpr std::size_t kStringsAt = 128;
constexpr std::size_t kFormatAt = 1024;
constexpr std::size_t kOutAt = 2048;
constexpr const char* kStrings[] = {"", "plain", "a longer string of 31 letters.", "caf\xc3\xa9"};
constexpr std::size_t kStringBytes = 32;

/// An argument: a number, or one of kStrings.
struct Value {
  std::uint64_t number = 0;
  int string = -1;
};
Value str(int index) { return {.number = 0, .string = index}; }

struct Case {
  std::string format;
  std::vector<Value> args;
  std::size_t out_bytes = 512;
};

HelperOracle::Data memory_of(const Case& c) {
  HelperOracle::Data data{};
  for (std::size_t i = 0; i < std::size(kStrings); ++i)
    std::memcpy(data.data() + kStringsAt + i * kStringBytes, kStrings[i], std::strlen(kStrings[i]));
  for (std::size_t i = 0; i < c.args.size(); ++i) std::memcpy(data.data() + kArgsAt + i * 8, &c.args[i].number, 8);
  return data;
}

std::string text_of(const HelperOracle::Data& data, std::size_t bytes) {
  return {reinterpret_cast<const char*>(data.data()) + kOutAt, bytes};
}

std::int64_t ours(const Case& c, std::string& out) {
  RawContext context;
  FakeEnv env(context);
  auto data = memory_of(c);
  for (std::size_t i = 0; i < c.args.size(); ++i) {
    if (c.args[i].string < 0) continue;
    const std::uint64_t address =
        address_of(data.data() + kStringsAt + static_cast<std::size_t>(c.args[i].string) * kStringBytes);
    std::memcpy(data.data() + kArgsAt + i * 8, &address, 8);
  }
  env.regions.emplace_back(data);
  const std::int64_t r0 = env.call(HelperId::snprintf, address_of(data.data() + kOutAt), c.out_bytes,
                                   address_of(c.format.c_str()), address_of(data.data() + kArgsAt), c.args.size() * 8);
  out = text_of(data, c.out_bytes);
  return r0;
}

std::optional<std::int64_t> theirs(HelperOracle& oracle, const Case& c, std::string& out) {
  std::vector<HelperOracle::Pointer> pointers;
  for (std::size_t i = 0; i < c.args.size(); ++i)
    if (c.args[i].string >= 0)
      pointers.push_back(
          {static_cast<std::int16_t>(kArgsAt + i * 8),
           static_cast<std::int32_t>(kStringsAt + static_cast<std::size_t>(c.args[i].string) * kStringBytes)});
  const auto result =
      oracle.call(HelperId::snprintf,
                  {Arg{Arg::data, kOutAt}, Arg{Arg::number, static_cast<std::int64_t>(c.out_bytes)}, Arg{Arg::text, 0},
                   Arg{Arg::data, kArgsAt}, Arg{Arg::number, static_cast<std::int64_t>(c.args.size() * 8)}},
                  memory_of(c), c.format, pointers);
  if (!result) {
    // The verifier reads a constant format with the same code, and refuses the program where the helper would say
    // EINVAL.
    if (oracle.log().find("Invalid format string") != std::string::npos) return -EINVAL;
    return std::nullopt;
  }
  out = text_of(result->data, c.out_bytes);
  return result->r0;
}

std::vector<Case> conversion_cases() {
  const std::vector<Value> numbers{{0}, {1}, {~0ull}, {0x80000000}, {1ull << 63}, {12345}};
  const std::vector<Value> strings{str(0), str(1), str(2), str(3), {0}, {~0ull}};
  const std::vector<Value> letters{{'a'}, {'Z'}, {0x141}, {0xe9}, {' '}, {'%'}};
  const std::vector<Value> plain_pointers{{0}, {~0ull}};  // of others the kernel prints a hash
  struct Conversion {
    const char* text;
    const std::vector<Value>& values;
  };
  const Conversion conversions[] = {
      {"d", numbers},         {"i", numbers},         {"u", numbers},   {"x", numbers},   {"X", numbers},
      {"ld", numbers},        {"li", numbers},        {"lu", numbers},  {"lx", numbers},  {"lX", numbers},
      {"lld", numbers},       {"llu", numbers},       {"llx", numbers}, {"llX", numbers}, {"px", numbers},
      {"p", plain_pointers},  {"pK", plain_pointers}, {"c", letters},   {"s", strings},   {"pks", strings},
      {"pI4", strings},       {"pi4", strings},       {"pI6", strings}, {"pi6", strings}, {"ps", {plain_pointers}},
      {"pS", plain_pointers}, {"pB", plain_pointers},
  };
  std::vector<Case> cases;
  for (const char* flags : {"", "-", "0", "+", " ", "-0", "+0", " +", "0+ -"})
    for (const char* width : {"", "1", "8", "20"})
      for (const auto& [text, values] : conversions) {
        Case c{.format = "<"};
        for (const Value& value : values) {
          c.format += std::string("%") + flags + width + text + "|";
          c.args.push_back(value);
        }
        cases.push_back(c);
      }
  return cases;
}

// Eight arguments: strings where the format takes an address, null where the kernel prints a hash, a number elsewhere.
std::vector<Value> fitting_args(const std::string& format) {
  std::vector<Value> args(8, Value{7});
  std::size_t arg = 0;
  for (std::size_t at = format.find('%'); at != std::string::npos && arg < args.size(); at = format.find('%', at)) {
    at = format.find_first_not_of("0+- 123456789", at + 1);
    if (at == std::string::npos) break;
    if (format[at] == '%') {
      ++at;
      continue;
    }
    const std::string rest = format.substr(at, 2);
    const bool address = rest[0] == 's' || rest == "pk" || rest == "pu" || rest == "pI" || rest == "pi";
    const bool hashed = rest[0] == 'p' && std::string_view("xsSB").find(rest[1]) == std::string_view::npos;
    if (address)
      args[arg] = str(1);
    else if (hashed)
      args[arg] = {0};
    ++arg;
  }
  return args;
}

std::vector<Case> special_cases() {
  std::vector<Case> cases;
  for (const char* format : {"",
                             "plain",
                             "%%",
                             "100%% of %d",
                             "%d%%%d",
                             "%",
                             "%d %",
                             "%5",
                             "%-",
                             "%n",
                             "%f",
                             "%e",
                             "%g",
                             "%a",
                             "%o",
                             "%hd",
                             "%hhd",
                             "%llld",
                             "%zu",
                             "%td",
                             "%jd",
                             "%lc",
                             "%ls",
                             "%lp",
                             "%l",
                             "%ll",
                             "%5%",
                             "%.5d",
                             "%5.2d",
                             "%*d",
                             "%#x",
                             "%'d",
                             "%1$d",
                             "%p%d",
                             "%pxabc!",
                             "%px%px",
                             "%p.",
                             "%p-%d",
                             "%pKlm %d",
                             "%p1",
                             "%pA",
                             "%pi5",
                             "%pI",
                             "%pI4abc!",
                             "%pI6c:",
                             "%pi44",
                             "%10pI4|",
                             "%-30pI6|",
                             "%pM",
                             "%pUb",
                             "%pV",
                             "%ph",
                             "%pE",
                             "%pk",
                             "%pkx",
                             "%pu",
                             "%pksx",
                             "%pks.",
                             "%pusx",
                             "%10pks|",
                             "%sx",
                             "%s.",
                             "%s\xa0",
                             "%s\xd7",
                             "%s\xe9",
                             "%ss",
                             "%s%s",
                             "%s\t%d\n",
                             "\x01",
                             "\x7f",
                             "\x1b[0m",
                             "caf\xc3\xa9",
                             "\xff",
                             "%\xc3\xa9",
                             "%5\xc3",
                             "%px\xc3\xa9!",
                             "%px\xd7!",
                             "%px\xa0!",
                             "%c%c%c",
                             "%5c|%-5c|%05c|",
                             "\a",
                             "\t\n\v\f\r",
                             "%d %d %d %d %d %d %d %d",
                             "%d %d %d %d %d %d %d %d %d",
                             "%100d",
                             "%-600d",
                             "%0600d",
                             "%1000s|",
                             "%8388607d",
                             "%8388608d",
                             "%16777215d|",
                             "%16777215px|",
                             "%16777216d|",
                             "%16777221d|",
                             "%4294967301d|",
                             "%2147483653d|",
                             "%99999999999999999999d|",
                             "%pBx|",
                             "%5pB|",
                             "%pSab|%d",
                             "%psx",
                             "% d|% u|% x",
                             "%+u",
                             "%00005d",
                             "%--5d|",
                             "%0-5d|",
                             "%5-d",
                             "%ld%lld%d",
                             "%c%s%c%d",
                             "%D",
                             "%I",
                             "%S",
                             "%C",
                             "%U"}) {
    const std::vector<Value> args = fitting_args(format);
    cases.push_back({format, args});
    cases.push_back({format, args, 16});
    cases.push_back({format, {args[0]}, 1});
    cases.push_back({format, {}});
  }
  // Strings fill the 512-byte buffer: twelve do not, longer text would.
  cases.push_back({"%s%s%s%s%s%s%s%s%s%s%s%s", std::vector<Value>(12, str(2))});
  cases.push_back({"%c%d%c%d%c%lld", std::vector<Value>(6, Value{'y'})});
  return cases;
}

bool agree(HelperOracle& oracle, const Case& c) {
  std::string our_text;
  std::string their_text(c.out_bytes, '\0');
  const std::int64_t our_r0 = ours(c, our_text);
  const auto their_r0 = theirs(oracle, c, their_text);
  if (!their_r0) {
    MESSAGE("kernel refused: ", c.format, ": ", oracle.log());
    return false;
  }
  if (our_r0 == *their_r0 && our_text == their_text) return true;
  MESSAGE("format '", c.format, "' args ", c.args.size(), " out ", c.out_bytes, ": ours ", our_r0, " '",
          std::string(our_text.c_str()), "', kernel ", *their_r0, " '", std::string(their_text.c_str()), "'");
  return false;
}

}  // namespace

TEST_CASE("bpf_snprintf gives the running kernel's bytes and result for every conversion, flag and width") {
  if (const auto reason = kernel::unavailable_or_older()) {
    MESSAGE("SKIP: ", *reason);
    return;
  }
  HelperOracle oracle;
  std::size_t differences = 0;
  std::size_t count = 0;
  for (const auto& cases : {conversion_cases(), special_cases()})
    for (const Case& c : cases) {
      differences += agree(oracle, c) ? 0 : 1;
      ++count;
    }
  MESSAGE(count, " formats compared");
  CHECK(differences == 0);
  CHECK(count > 1000);
}

namespace {

std::string random_format(std::mt19937& random) {
  static constexpr std::string_view kAlphabet = "%%%%%%%%-0+ 1259dixXullppssccKBSIi4466kuxs .!aZ\xa0\xc3\x01";
  std::string format(random() % 24, ' ');
  for (char& c : format) c = kAlphabet[random() % kAlphabet.size()];
  return format;
}

}  // namespace

TEST_CASE("bpf_trace_vprintk accepts and refuses random formats as the running kernel does") {
  if (const auto reason = kernel::unavailable_or_older()) {
    MESSAGE("SKIP: ", *reason);
    return;
  }
  HelperOracle oracle;
  std::mt19937 random(1);
  std::size_t differences = 0;
  std::size_t accepted = 0;
  for (int round = 0; round < 3000; ++round) {
    HelperOracle::Data data{};
    const std::string format = random_format(random);
    const std::int64_t args_bytes = static_cast<std::int64_t>(random() % 13 * 8);
    // All ones or zero: those the kernel prints unhashed as pointers, and cannot read as strings.
    for (std::size_t i = 0; i < 96; ++i) data[kArgsAt + i] = i / 8 % 3 == 0 ? std::byte{0xff} : std::byte{0};
    std::memcpy(data.data() + kFormatAt, format.data(), format.size());
    const auto bytes = static_cast<std::int64_t>(format.size() + random() % 2);
    if (bytes == 0) continue;
    const auto kernel_says = oracle.call(HelperId::trace_vprintk,
                                         {Arg{Arg::data, kFormatAt}, Arg{Arg::number, bytes}, Arg{Arg::data, kArgsAt},
                                          Arg{Arg::number, args_bytes}, Arg{}},
                                         data);
    if (!kernel_says) {
      MESSAGE("SKIP: the kernel refused to run trace_vprintk: ", oracle.log());
      return;
    }
    RawContext context;
    FakeEnv env(context);
    const std::int64_t r0 =
        env.call(HelperId::trace_vprintk, address_of(data.data() + kFormatAt), static_cast<std::uint64_t>(bytes),
                 address_of(data.data() + kArgsAt), static_cast<std::uint64_t>(args_bytes));
    accepted += r0 >= 0 ? 1 : 0;
    if (r0 != kernel_says->r0) {
      ++differences;
      MESSAGE("format '", format, "' args ", args_bytes, ": ours ", r0, ", kernel ", kernel_says->r0);
    }
  }
  CHECK(differences == 0);
  CHECK(accepted > 200);
}

TEST_CASE("bpf_trace_printk hands the host a line and gives its whole length") {
  RawContext context;
  FakeEnv env(context);
  const char format[] = "Hello World %d, %s: %llx";
  std::array<char, 6> name{'w', 'o', 'r', 'l', 'd', 0};
  env.regions.emplace_back(std::as_writable_bytes(std::span(name)));
  CHECK(env.call(HelperId::trace_printk, address_of(format), sizeof(format), 5, address_of(name.data()), 0xabc) == 25);
  CHECK(env.fixed_host.lines == std::vector<std::string>{"Hello World 5, world: abc"});

  SUBCASE("a fourth argument is one too many") {
    const char four[] = "%d%d%d%d";
    CHECK(env.call(HelperId::trace_printk, address_of(four), sizeof(four)) == -EINVAL);
    CHECK(env.fixed_host.lines.size() == 1);
  }
  SUBCASE("a format without a NUL in its size is refused") {
    CHECK(env.call(HelperId::trace_printk, address_of(format), sizeof(format) - 1) == -EINVAL);
    CHECK(env.call(HelperId::trace_printk, address_of(format), 0) == -EINVAL);
  }
  SUBCASE("a line is cut to 1,023 bytes") {
    const char wide[] = "%2000d";
    CHECK(env.call(HelperId::trace_printk, address_of(wide), sizeof(wide), 5) == 2000);
    CHECK(env.fixed_host.lines.back() == std::string(1023, ' '));
  }
  SUBCASE("a newline in the format stays in the line") {
    const char newline[] = "x\n";
    CHECK(env.call(HelperId::trace_printk, address_of(newline), sizeof(newline)) == 2);
    CHECK(env.fixed_host.lines.back() == "x\n");
  }
}

TEST_CASE("the v-style helpers refuse argument arrays that are not 0 to 12 whole values") {
  RawContext context;
  FakeEnv env(context);
  const char format[] = "x";
  std::array<std::uint64_t, 16> args{};
  std::array<char, 8> out{};
  const auto vprintk = [&](const void* values, std::uint64_t bytes) {
    return env.call(HelperId::trace_vprintk, address_of(format), sizeof(format), address_of(values), bytes);
  };
  const auto snprintf = [&](const void* values, std::uint64_t bytes) {
    return env.call(HelperId::snprintf, address_of(out.data()), out.size(), address_of(format), address_of(values),
                    bytes);
  };
  for (const std::uint64_t bytes : {1ull, 7ull, 9ull, 97ull, 104ull, 1ull << 63, ~0ull, ~7ull}) {
    CHECK(vprintk(args.data(), bytes) == -EINVAL);
    CHECK(snprintf(args.data(), bytes) == -EINVAL);
  }
  CHECK(vprintk(args.data(), 96) == 1);
  CHECK(snprintf(args.data(), 96) == 2);
  CHECK(vprintk(nullptr, 0) == 1);
  CHECK(vprintk(nullptr, 8) == -EINVAL);
  CHECK(snprintf(nullptr, 8) == -EINVAL);
}

TEST_CASE("formats that ask for more argument bytes than 512 end in ENOSPC") {
  RawContext context;
  FakeEnv env(context);
  std::array<char, 600> text;
  text.fill('t');
  text.back() = 0;
  env.regions.emplace_back(std::as_writable_bytes(std::span(text)));
  std::array<std::uint64_t, 2> args{address_of(text.data()), address_of(text.data())};
  std::array<char, 1024> out{};
  const auto run = [&](const char* format) {
    return env.call(HelperId::snprintf, address_of(out.data()), out.size(), address_of(format), address_of(args.data()),
                    16);
  };
  CHECK(run("%s") == 512);  // cut to 511 letters
  for (const char* format : {"%s%s", "%s%d", "%s%c", "%s%px", "%s%pI4", "%s%pi6"}) CHECK(run(format) == -ENOSPC);
}

TEST_CASE("an address without a kernel symbol prints as a number") {
  std::string text;
  const Case c{"%ps %pS %pB %10ps|", {{0xabc}, {0xabc}, {0xabc}, {0xabc}}};
  CHECK(ours(c, text) == 30);
  CHECK(std::string(text.c_str()) == "0xabc 0xabc 0xabc      0xabc|");
}

TEST_CASE("random bytes as a format never write behind the buffer, and give a length or an error") {
  RawContext context;
  FakeEnv env(context);
  std::mt19937 random(11);
  std::array<std::byte, 40> region{};
  for (int round = 0; round < 50'000; ++round) {
    // Exact sizes, so that the sanitizer guards both ends.
    std::vector<char> format(random() % 40 + 1);
    for (char& c : format) c = random() % 3 == 0 ? '%' : static_cast<char>(random());
    if (random() % 2 == 0) {
      const std::string likely = random_format(random);
      std::copy_n(likely.begin(), std::min(likely.size(), format.size()), format.begin());
    }
    format.back() = 0;
    std::vector<std::uint64_t> args(random() % 13);
    for (auto& arg : args)
      arg = random() % 2 == 0 ? address_of(region.data()) + random() % 48 : std::uint64_t{random()} << random() % 40;
    for (std::byte& byte : region) byte = static_cast<std::byte>(random());
    env.regions = {region};
    std::vector<char> out(random() % 64, '#');
    const std::int64_t length = env.call(HelperId::snprintf, address_of(out.data()), out.size(),
                                         address_of(format.data()), address_of(args.data()), args.size() * 8);
    REQUIRE((length == -EINVAL || length == -ENOSPC || length > 0));
    if (length > 0 && !out.empty()) REQUIRE(std::memchr(out.data(), 0, out.size()) != nullptr);
    env.call(HelperId::trace_vprintk, address_of(format.data()), format.size() - random() % 2, address_of(args.data()),
             args.size() * 8);
  }
}

TEST_CASE("a format that its own output overwrites stays inside both") {
  RawContext context;
  FakeEnv env(context);
  for (std::size_t shift = 0; shift < 16; ++shift) {
    std::vector<char> memory(64, 0);
    const std::string_view format = "%c%%%%a%%%cb%%";
    std::copy(format.begin(), format.end(), memory.begin() + 16);
    const std::array<std::uint64_t, 2> args{'%', '%'};
    CHECK(env.call(HelperId::snprintf, address_of(memory.data() + shift), memory.size() - shift,
                   address_of(memory.data() + 16), address_of(args.data()), 16) > 0);
  }
}
