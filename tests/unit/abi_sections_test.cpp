// Section names and the names of types against libbpf, which decides what they mean.
#include <doctest/doctest.h>

#include <string>

#ifdef SKEP_HAVE_LIBBPF
#include <bpf/libbpf.h>
#endif

#include "abi/sections.hpp"

namespace skep {
namespace {

TEST_CASE("each row of the section table is found by its own name") {
  for (const abi::SectionKind& kind : abi::section_kinds()) {
    CAPTURE(kind.prefix);
    CHECK(abi::find_section_kind(kind.prefix) == &kind);
    CHECK(abi::find_section_kind("?" + std::string(kind.prefix)) == &kind);
  }
}

TEST_CASE("a target follows a prefix that takes one, and only that") {
  const auto* probe = abi::find_section_kind("kprobe/tcp_connect");
  REQUIRE(probe != nullptr);
  CHECK(probe->type == ProgType::kprobe);
  CHECK(abi::section_target(*probe, "kprobe/tcp_connect") == "tcp_connect");
  CHECK(abi::section_target(*probe, "?kprobe/tcp_connect") == "tcp_connect");
  CHECK(abi::section_target(*probe, "kprobe").empty());
  CHECK(abi::find_section_kind("kprobes/x") == nullptr);
  CHECK(abi::find_section_kind("xdp/drop") == nullptr);
  CHECK(abi::find_section_kind("") == nullptr);
}

TEST_CASE("a guess takes the longest prefix that ends where a word does") {
  REQUIRE(abi::guess_section_kind("xdp/drop") != nullptr);
  CHECK(abi::guess_section_kind("xdp/drop")->type == ProgType::xdp);
  CHECK(abi::guess_section_kind("xdp.frags/devmap/x")->prefix == "xdp.frags/devmap");
  CHECK(abi::guess_section_kind("socket1")->type == ProgType::socket_filter);
  CHECK(abi::guess_section_kind("tcp_rules") == nullptr);
  CHECK(abi::guess_section_kind("maps") == nullptr);
}

TEST_CASE("type names are told apart and read back") {
  for (std::uint32_t value = 1; value <= static_cast<std::uint32_t>(ProgType::netfilter); ++value) {
    const auto type = static_cast<ProgType>(value);
    CHECK(prog_type_named(name_of(type)) == type);
  }
  for (std::uint32_t value = 1; value <= static_cast<std::uint32_t>(MapType::arena); ++value) {
    const auto type = static_cast<MapType>(value);
    CHECK(map_type_named(name_of(type)) == type);
  }
  CHECK(name_of(static_cast<MapType>(1000)) == "unknown");
  CHECK(map_type_named("no such type") == MapType::unspec);
}

#ifdef SKEP_HAVE_LIBBPF

TEST_CASE("libbpf reads the section names that it knows as skep does") {
  libbpf_set_print(nullptr);
  std::size_t compared = 0;
  for (const abi::SectionKind& kind : abi::section_kinds())
    for (const std::string& name : {std::string(kind.prefix), std::string(kind.prefix) + "/target"}) {
      bpf_prog_type type{};
      bpf_attach_type attach{};
      const abi::SectionKind* ours = abi::find_section_kind(name);
      if (libbpf_prog_type_by_name(name.c_str(), &type, &attach) != 0) continue;  // an older libbpf knows less
      CAPTURE(name);
      REQUIRE(ours != nullptr);
      // what lay under a bare name before a later libbpf gave it rows of its own
      if (name == "tc/target" || name == "struct_ops.s/target") continue;
      CHECK(static_cast<std::uint32_t>(ours->type) == type);
      CHECK(ours->attach_type == attach);
      ++compared;
    }
  MESSAGE("libbpf ", std::string(libbpf_version_string()), ": ", compared, " names compared");
  CHECK(compared >= 100);
}

TEST_CASE("libbpf prints program and map types as skep does") {
  std::size_t compared = 0;
  for (std::uint32_t value = 0; value < 64; ++value) {
    if (const char* name = libbpf_bpf_prog_type_str(static_cast<bpf_prog_type>(value))) {
      CHECK(name_of(static_cast<ProgType>(value)) == name);
      ++compared;
    }
    if (const char* name = libbpf_bpf_map_type_str(static_cast<bpf_map_type>(value))) {
      CHECK(name_of(static_cast<MapType>(value)) == name);
      ++compared;
    }
  }
  CHECK(compared >= 60);
}

#else
TEST_CASE("libbpf reads section names as skep does") { MESSAGE("SKIP: libbpf-dev is not installed"); }
#endif

}  // namespace
}  // namespace skep
