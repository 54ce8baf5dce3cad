// Externs against libbpf: what .kconfig holds, which configurations are refused, and the relocated instructions.
#include <doctest/doctest.h>

#ifdef SKEP_HAVE_LIBBPF
#include <bpf/libbpf_version.h>

#include "support/libbpf_referee.hpp"
#endif

#include <cstring>
#include <optional>

#include <fmt/format.h>

#include <skep/object.hpp>

#include "loader/object_spec.hpp"
#include "program/program.hpp"
#include "support/tools.hpp"

namespace skep {
namespace {

#ifdef SKEP_HAVE_LIBBPF

using namespace referee;

std::string hex(const std::vector<std::byte>& bytes) {
  std::string text;
  for (const std::byte byte : bytes) text += fmt::format("{:02x} ", std::to_integer<unsigned>(byte));
  return text;
}

/// The contents that libbpf gives .kconfig; nothing when it refuses to.
std::optional<std::vector<std::byte>> their_kconfig(const Theirs& theirs) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, theirs.get()) {
    std::size_t size = 0;
    const auto* bytes = static_cast<const std::byte*>(bpf_map__initial_value(map, &size));
    if (bytes != nullptr && std::strstr(bpf_map__name(map), ".kconfig") != nullptr)
      return std::vector<std::byte>(bytes, bytes + size);
  }
  return std::nullopt;
}

TEST_CASE("every configuration has the contents that libbpf gives it, or is refused as there") {
  const auto image = objects::compile("externs_config.bpf.c");
  if (!image) return;
  if (!Theirs(*image, nullptr, "CONFIG_BOOL=y\n").relocated()) {
    MESSAGE("SKIP: libbpf does not relocate here: ", Theirs(*image, nullptr, "CONFIG_BOOL=y\n").messages());
    return;
  }
  const tools::Scratch scratch;
  std::size_t filled = 0, refused = 0;
  for (const std::string config :
       {"",
        "CONFIG_BOOL=y\n",
        "CONFIG_BOOL=n\n",
        "CONFIG_BOOL=m\n",
        "CONFIG_BOOL=1\n",
        "CONFIG_BOOL=yes\n",
        "CONFIG_TRISTATE=y",
        "CONFIG_TRISTATE=n",
        "CONFIG_TRISTATE=m",
        "CONFIG_TRISTATE=1",
        "CONFIG_TRISTATE=M",
        "CONFIG_CHAR=m",
        "CONFIG_CHAR=y",
        "CONFIG_CHAR=q",
        "CONFIG_CHAR=\n",
        "CONFIG_CHAR=\"y\"",
        "CONFIG_CHAR=65",
        "CONFIG_CHAR=127",
        "CONFIG_CHAR=128",
        "CONFIG_CHAR=255",
        "CONFIG_SCHAR=-128",
        "CONFIG_SCHAR=-129",
        "CONFIG_SCHAR=128",
        "CONFIG_USHORT=65535",
        "CONFIG_USHORT=0",
        "CONFIG_USHORT=65536",
        "CONFIG_USHORT=-1",
        "CONFIG_INT=2147483647",
        "CONFIG_INT=-2147483648",
        "CONFIG_INT=2147483648",
        "CONFIG_INT=-2147483649",
        "CONFIG_INT=abc",
        "CONFIG_INT=\"abc\"",
        "CONFIG_INT=",
        "CONFIG_INT",
        "CONFIG_INT=123abc",
        "CONFIG_INT=0x1F",
        "CONFIG_INT=0x",
        "CONFIG_INT=017",
        "CONFIG_INT=08",
        "CONFIG_INT=+5",
        "CONFIG_INT=y",
        "CONFIG_INT=1\nCONFIG_INT=2\n",
        "CONFIG_ULONG=0xffffffffffffffff",
        "CONFIG_ULONG=0x10000000000000000",
        "CONFIG_ULONG=18446744073709551615",
        "CONFIG_STR=\"\"",
        "CONFIG_STR=\"abra\"",
        "CONFIG_STR=\"1234567\"",
        "CONFIG_STR=\"12345678\"",
        "CONFIG_STR=\"abracadabra\"",
        "CONFIG_STR=bla",
        "CONFIG_STR=\"open",
        "CONFIG_STR=\"a\"b\"",
        "CONFIG_STR=",
        "# CONFIG_INT is not set\nCONFIG_BOOLEAN=7\nCONFIG_USHORT=12\n",
        "CONFIG_BOOL=y\nCONFIG_TRISTATE=m\nCONFIG_CHAR=n\nCONFIG_SCHAR=-3\nCONFIG_USHORT=513\nCONFIG_INT=-70000\n"
        "CONFIG_ULONG=0x123456789abcdef\nCONFIG_STR=\"text\"\n"}) {
    CAPTURE(config);
    const Theirs theirs(*image, nullptr, config.c_str());
    ObjectOptions options;
    options.target_btf = "";
    options.kconfig = scratch.write("config", config);
    const auto ours = Object::load(*image, "externs_config", options);
    bool fits = ours.has_value();
    if (ours)
      for (const Program& program : ours->programs()) fits = fits && program.needs().empty();
    CHECK(fits == theirs.relocated());
    ++(theirs.relocated() ? filled : refused);
    if (!fits || !theirs.relocated()) continue;
    auto expected = their_kconfig(theirs);
    REQUIRE(expected.has_value());
    const loader::MapDef* map = objects::map(ours->spec(), ".kconfig");
    REQUIRE(map != nullptr);
    REQUIRE(map->contents.size() == expected->size());
    // libbpf finds wrappers of system calls by placing a kprobe, which some kernels and users cannot; skep by version.
    for (const loader::GlobalVar& variable : map->variables)
      if (variable.name == "LINUX_HAS_SYSCALL_WRAPPER") {
        CHECK(map->contents[variable.offset] >= (*expected)[variable.offset]);
        (*expected)[variable.offset] = map->contents[variable.offset];
      }
    CHECK(hex(map->contents) == hex(*expected));
    CHECK(*ours->map(".kconfig")->lookup(std::vector<std::byte>(4)) == *expected);
  }
  MESSAGE("configurations: ", filled, " filled equally, ", refused, " refused by both");
  CHECK(filled > 0);
}

TEST_CASE("the relocated instructions of externs are libbpf's") {
  const Types types = parse_types("/sys/kernel/btf/vmlinux");
  if (types == nullptr) {
    MESSAGE("SKIP: no /sys/kernel/btf/vmlinux");
    return;
  }
  Tally tally;
  for (const std::string name : {"externs_config.bpf.c", "externs_kernel.bpf.c"}) {
    const auto image = objects::compile(name);
    if (!image) return;
    const auto ours = open_ours(*image, name, types);
    REQUIRE_MESSAGE(ours.has_value(), ours.error().message());
    const Theirs theirs(*image, nullptr);
    if (!theirs.relocated()) {
      MESSAGE("SKIP: libbpf does not relocate ", name, " here: ", theirs.messages());
      return;
    }
    compare(*ours, theirs, tally);
  }
  MESSAGE("externs: ", tally.equal, " programs equal, ", tally.different, " different");
  // Since 1.3 libbpf poisons calls of missing weak functions and knows flavours of functions; older ones do neither.
  const bool current = libbpf_major_version() > 1 || libbpf_minor_version() >= 3;
  CHECK(tally.different == (current ? 0 : 2));
  CHECK(tally.equal >= 7);
}

#else
TEST_CASE("externs are as libbpf resolves them") { MESSAGE("SKIP: libbpf-dev is not installed"); }
#endif

TEST_CASE("symbols in the target's types are told by their ids, and stay needs") {
  const auto image = objects::compile("externs_kernel.bpf.c");
  if (!image) return;
  if (!tools::read_file(ObjectOptions::kHostBtf)) {
    MESSAGE("SKIP: no ", ObjectOptions::kHostBtf);
    return;
  }
  const auto object = Object::load(*image);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  const auto variables = object->program("variables");
  REQUIRE(variables);
  CHECK(variables->insns()[0].src == 3);
  CHECK(variables->insns()[0].imm != 0);
  CHECK(variables->needs().size() == 3);
  CHECK(object->program("absent")->needs().empty());
  const auto careless = object->program("careless")->data();
  CHECK(careless->insns[1].imm == program::kPoisonKfunc + 4);  // the fifth of eight, by name
}

}  // namespace
}  // namespace skep
