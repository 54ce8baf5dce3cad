// Objects that people ship, as far as they are installed here: all open, but those whose flaw is known by name.
#include <doctest/doctest.h>

#include <map>

#include "support/objects.hpp"

namespace skep {
namespace {

/// Opens all; returns the refused ones' errors by name and says how many there were.
std::map<std::string, std::string> refused_of(const std::string& title, const std::vector<objects::Found>& found) {
  std::map<std::string, std::string> refused;
  std::size_t programs = 0, in_need = 0;
  for (const auto& [name, image] : found) {
    const auto object = loader::parse_object(image, name);
    if (!object) {
      refused[name] = object.error().message();
      continue;
    }
    for (const auto& program : object->programs) {
      ++programs;
      in_need += program->needs.empty() ? 0 : 1;
    }
  }
  if (found.empty()) MESSAGE("SKIP: no objects of ", title, " here");
  MESSAGE(title, ": ", found.size() - refused.size(), " of ", found.size(), " objects open, ", programs, " programs, ",
          in_need, " need something of a kernel");
  return refused;
}

TEST_CASE("the objects inside the executables of xdp-tools and libbpf-tools open") {
  for (const auto& [package, least] : {std::pair("xdp-tools", 20u), std::pair("libbpf-tools", 52u)}) {
    const auto found = objects::in_executables(package);
    for (const auto& [name, error] : refused_of(package, found)) FAIL_CHECK(name << ": " << error);
    CHECK((found.empty() || found.size() >= least));
  }
}

TEST_CASE("the object files of xdp-tools and ir-keytable open") {
  for (const char* folder : {"/usr/lib/x86_64-linux-gnu/bpf", "/lib/udev/rc_keymaps/protocols"}) {
    const auto found = objects::in_folder(folder, ".o");
    for (const auto& [name, error] : refused_of(folder, found)) FAIL_CHECK(name << ": " << error);
    CHECK((found.empty() || found.size() >= 9));
  }
}

TEST_CASE("of cilium/ebpf's test objects only those open that name nothing undefined") {
  const auto found = objects::in_folder("/usr/share/gocode/src/github.com/cilium/ebpf/testdata", "-el.elf");
  const auto refused = refused_of("cilium/ebpf", found);
  for (const auto& [name, error] : refused) {
    CAPTURE(name);
    CHECK_MESSAGE(error.find("which no section defines") != std::string::npos, error);
  }
  CHECK((found.empty() || (found.size() >= 15 && refused.size() <= 5)));
}

TEST_CASE("big-endian objects are refused by what they are") {
  const auto found = objects::in_folder("/usr/share/gocode/src/github.com/cilium/ebpf/testdata", "-eb.elf");
  const auto refused = refused_of("cilium/ebpf, big-endian", found);
  CHECK(refused.size() == found.size());
  for (const auto& [name, error] : refused) CHECK_MESSAGE(error.find("big-endian") != std::string::npos, error);
}

}  // namespace
}  // namespace skep
