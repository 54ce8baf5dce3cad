// A kernel's configuration, compressed or not, and its list of symbols: what objects take from them.
#include <doctest/doctest.h>

#include "api/gzip.hpp"
#include "api/kernel_symbols.hpp"
#include "skep/skep.hpp"
#include "support/objects.hpp"
#include "support/tools.hpp"

namespace skep {
namespace {

constexpr std::string_view kAsking = R"(
#define SEC(name) __attribute__((section(name), used))
extern int CONFIG_LUCKY SEC(".kconfig");
extern const void some_symbol SEC(".ksyms");
extern const void other_symbol SEC(".ksyms") __attribute__((weak));
SEC("socket") int config(void* ctx) { return CONFIG_LUCKY; }
SEC("socket") long symbol(void* ctx) { return (long)&some_symbol; }
SEC("socket") long weak_symbol(void* ctx) { return (long)&other_symbol; }
char l[] SEC("license") = "GPL";
)";

/// Address that a program's first 64-bit load holds.
std::uint64_t address_in(const Object& object, const char* name) {
  const auto program = object.program(name);
  const auto insns = program->insns();
  for (std::size_t pc = 0; pc + 1 < insns.size(); ++pc)
    if (insns[pc].opcode == 0x18)
      return static_cast<std::uint32_t>(insns[pc].imm) | std::uint64_t{static_cast<std::uint32_t>(insns[pc + 1].imm)}
                                                             << 32;
  return ~0ull;
}

/// The same file, compressed; empty where there is no gzip.
std::string compressed(const std::string& path) {
  return tools::output_of("gzip -kf " + path) ? path + ".gz" : std::string();
}

ObjectOptions options_without_host() {
  ObjectOptions options;
  options.target_btf.clear();
  options.kconfig = "";
  options.kallsyms = "";
  return options;
}

}  // namespace

TEST_CASE("a compressed configuration is read like one that is not") {
  const auto image = objects::compile_text("asking.c", kAsking);
  if (!image) return;
  const tools::Scratch scratch;
  const std::string plain = scratch.write("config", "# a comment\nCONFIG_OTHER=y\nCONFIG_LUCKY=77\n");
  const std::string packed = compressed(plain);
  if (packed.empty()) {
    MESSAGE("SKIP: needs gzip");
    return;
  }
  for (const std::string& path : {plain, packed}) {
    CAPTURE(path);
    ObjectOptions options = options_without_host();
    options.kconfig = path;
    const auto object = Object::load(*image, "asking", options);
    REQUIRE_MESSAGE(object.has_value(), object.error().message());
    CHECK(object->program("config")->needs().empty());
    const auto value = object->map(".kconfig")->lookup<std::uint32_t>(0u);
    REQUIRE(value);
    CHECK(*value == 77);
  }
}

TEST_CASE("decompressing is bounded, and what is broken is refused") {
  const tools::Scratch scratch;
  const std::string text(100'000, 'x');
  const std::string packed = compressed(scratch.write("text", text));
  if (packed.empty()) return;
  auto bytes = *tools::read_file(packed);
  CHECK(is_gzip(bytes));
  CHECK(gunzip(bytes, "text", 1 << 20).value() == text);
  CHECK(gunzip(bytes, "text", text.size() - 1).error().code == ErrorCode::limit);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK(gunzip(std::span(bytes).first(size), "text", 1 << 20).error().code == ErrorCode::malformed);
  auto twice = bytes;
  twice.insert(twice.end(), bytes.begin(), bytes.end());
  CHECK(gunzip(twice, "text", 1 << 20).value() == text + text);
  bytes.back() ^= std::byte{1};
  CHECK(gunzip(bytes, "text", 1 << 20).error().code == ErrorCode::malformed);
}

TEST_CASE("symbols without a type have the addresses that the kernel's list shows") {
  const auto image = objects::compile_text("asking.c", kAsking);
  if (!image) return;
  const tools::Scratch scratch;
  ObjectOptions options = options_without_host();
  CHECK(!Object::load(*image, "asking", options)->program("symbol")->needs().empty());

  options.kallsyms = scratch.write("kallsyms",
                                   "ffffffff81000000 T _stext\nffffffff81234560 T some_symbol\n"
                                   "ffffffffc0001000 t unrelated\t[module]\n");
  const auto object = Object::load(*image, "asking", options);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  CHECK(object->program("symbol")->needs().empty());
  CHECK(address_in(*object, "symbol") == 0xffffffff81234560);
  CHECK(address_in(*object, "weak_symbol") == 0);

  options.externs.insert_or_assign("some_symbol", 0x1234u);
  CHECK(address_in(*Object::load(*image, "asking", options), "symbol") == 0x1234);
  options.externs.clear();

  options.kallsyms = scratch.write("hidden", "0000000000000000 d some_symbol.llvm.12345\n");
  CHECK(Object::load(*image, "asking", options)->program("symbol")->needs().empty());
  options.kallsyms = scratch.write("twice", "0000000000001000 t some_symbol\n0000000000002000 t some_symbol\t[m]\n");
  const auto needs = Object::load(*image, "asking", options)->program("symbol")->needs();
  REQUIRE(needs.size() == 1);
  CHECK(needs[0].find("ambiguous") != std::string::npos);
  options.kallsyms = scratch.write("broken", "nothing of the kind\n");
  CHECK(!Object::load(*image, "asking", options)->program("symbol")->needs().empty());
}

TEST_CASE("a list of symbols is read whole, however its lines fall into pieces") {
  const tools::Scratch scratch;
  std::string text;
  constexpr std::uint64_t kCount = 20'000;
  for (std::uint64_t i = 0; i < kCount; ++i)
    text +=
        "00000000000" + std::to_string(10000 + i) + " t name" + std::to_string(i) + (i % 3 == 0 ? "\t[mod]\n" : "\n");
  std::uint64_t seen = 0, wrong = 0;
  const auto read = read_kernel_symbols(scratch.write("list", text), [&](std::string_view name, char type, auto) {
    wrong += name != "name" + std::to_string(seen) || type != 't';
    ++seen;
  });
  REQUIRE_MESSAGE(read.has_value(), read.error().message());
  CHECK(seen == kCount);
  CHECK(wrong == 0);
  CHECK(!read_kernel_symbols("/no/such/file", [](auto, auto, auto) {}));
  CHECK(read_kernel_symbols(scratch.write("last", "12 t unended"), [&](auto, auto, auto) { ++seen; }));
  CHECK(seen == kCount + 1);
}

}  // namespace skep
