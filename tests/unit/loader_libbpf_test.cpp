// The same objects opened by libbpf: maps as it defines them, instructions as it hands them to the kernel.
//
// libbpf relocates when it loads, so XDP and socket programs are loaded into the running kernel; nothing is attached or
// pinned. A map's descriptor there stands for its index here.
#include <doctest/doctest.h>

#ifdef SKEP_HAVE_LIBBPF
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#endif

#include <cstring>
#include <map>
#include <memory>

#include "support/objects.hpp"

namespace skep {
namespace {

#ifdef SKEP_HAVE_LIBBPF

struct Close {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
using Theirs = std::unique_ptr<bpf_object, Close>;

/// What the comparison of one object came to.
struct Compared {
  std::size_t maps = 0;
  std::size_t programs = 0;
};

Theirs open_theirs(const objects::Image& image) {
  libbpf_set_print(nullptr);
  bpf_object_open_opts options{};
  options.sz = sizeof options;
  options.object_name = "referee";
  return Theirs(bpf_object__open_mem(image.data(), image.size(), &options));
}

bool is_comparable(const program::Program& program) {
  return (program.type == ProgType::xdp || program.type == ProgType::socket_filter) && program.needs.empty() &&
         program.autoload;
}

void compare_spec(const MapSpec& ours, bpf_map* theirs) {
  CAPTURE(ours.name);
  CHECK(static_cast<std::uint32_t>(ours.type) == bpf_map__type(theirs));
  CHECK(ours.key_size == bpf_map__key_size(theirs));
  CHECK(ours.value_size == bpf_map__value_size(theirs));
  CHECK(ours.max_entries == bpf_map__max_entries(theirs));
  CHECK(ours.flags == bpf_map__map_flags(theirs));
  CHECK(ours.map_extra == bpf_map__map_extra(theirs));
  CHECK(ours.btf_key_type == bpf_map__btf_key_type_id(theirs));
  CHECK(ours.btf_value_type == bpf_map__btf_value_type_id(theirs));
  CHECK(ours.pinned_by_name == (bpf_map__pin_path(theirs) != nullptr));
  bpf_map* inner = bpf_map__inner_map(theirs);
  CHECK((ours.inner != nullptr) == (inner != nullptr));
  if (ours.inner && inner) compare_spec(*ours.inner, inner);
}

void compare_maps(const loader::ObjectSpec& ours, bpf_object* theirs, Compared& compared) {
  std::size_t index = 0;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, theirs) {
    REQUIRE(index < ours.maps.size());
    const loader::MapDef& def = ours.maps[index++];
    compare_spec(def.spec, map);
    std::size_t size = 0;
    const void* initial = bpf_map__initial_value(map, &size);
    if (initial != nullptr && !def.contents.empty()) {
      REQUIRE(size >= def.contents.size());
      CHECK(std::memcmp(initial, def.contents.data(), def.contents.size()) == 0);
    }
    ++compared.maps;
  }
  CHECK(index == ours.maps.size());
}

/// libbpf's instructions with each map's descriptor replaced by its index.
std::vector<Insn> with_map_indices(const bpf_insn* insns, std::size_t count, const std::map<int, int>& index_of) {
  std::vector<Insn> out(count);
  std::memcpy(static_cast<void*>(out.data()), insns, count * sizeof(Insn));
  for (std::size_t pc = 0; pc < count; ++pc) {
    if (out[pc].opcode != 0x18) continue;
    if (out[pc].src == 1 || out[pc].src == 2)
      if (const auto found = index_of.find(out[pc].imm); found != index_of.end()) out[pc].imm = found->second;
    ++pc;
  }
  return out;
}

void compare_programs(const loader::ObjectSpec& ours, bpf_object* theirs, Compared& compared) {
  std::map<int, int> index_of;
  int index = 0;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, theirs) index_of[bpf_map__fd(map)] = index++;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, theirs) {
    const program::Program* mine = objects::program(ours, bpf_program__name(program));
    REQUIRE(mine != nullptr);
    CHECK(static_cast<std::uint32_t>(mine->type) == bpf_program__type(program));
    if (!is_comparable(*mine)) continue;
    CAPTURE(mine->name);
    const auto insns = with_map_indices(bpf_program__insns(program), bpf_program__insn_cnt(program), index_of);
    CHECK(mine->insns == insns);
    ++compared.programs;
  }
}

/// Compares one object; nothing when libbpf does not open it.
void compare(const std::string& name, const objects::Image& image, Compared& compared) {
  CAPTURE(name);
  const auto ours = loader::parse_object(image, name);
  REQUIRE_MESSAGE(ours.has_value(), ours.error().message());
  const Theirs theirs = open_theirs(image);
  if (theirs == nullptr) {
    MESSAGE("SKIP: libbpf does not open ", name);
    return;
  }
  compare_maps(*ours, theirs.get(), compared);
  bool wanted = false;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, theirs.get()) {
    const program::Program* mine = objects::program(*ours, bpf_program__name(program));
    const bool load = mine != nullptr && is_comparable(*mine);
    bpf_program__set_autoload(program, load);
    wanted |= load;
  }
  if (!wanted) return;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, theirs.get()) {
    bpf_map__set_pin_path(map, nullptr);
    if (bpf_map__max_entries(map) == 0) bpf_map__set_max_entries(map, 8);  // as the tool would before loading
  }
  if (const int error = bpf_object__load(theirs.get()); error != 0) {
    MESSAGE("SKIP: libbpf cannot load ", name, " here: ", std::string(std::strerror(-error)));
    return;
  }
  compare_programs(*ours, theirs.get(), compared);
}

TEST_CASE("compiled objects have the maps and instructions that libbpf gives them") {
  Compared compared;
  for (const char* name : {"loader_globals.bpf.c", "loader_calls.bpf.c", "loader_slots.bpf.c", "loader_needs.bpf.c"})
    if (const auto image = objects::compile(name)) compare(name, *image, compared);
  MESSAGE(compared.maps, " maps and ", compared.programs, " programs equal libbpf's");
}

TEST_CASE("installed objects have the maps and instructions that libbpf gives them") {
  Compared compared;
  std::vector<objects::Found> found = objects::in_folder("/usr/lib/x86_64-linux-gnu/bpf", ".o");
  for (const char* package : {"xdp-tools", "libbpf-tools"})
    for (auto& object : objects::in_executables(package)) found.push_back(std::move(object));
  if (found.empty()) MESSAGE("SKIP: neither xdp-tools nor libbpf-tools is installed");
  for (const auto& [name, image] : found) compare(name, image, compared);
  MESSAGE(compared.maps, " maps and ", compared.programs, " programs equal libbpf's");
  CHECK((found.empty() || compared.maps > 0));
}

#else
TEST_CASE("objects are as libbpf reads them") { MESSAGE("SKIP: libbpf-dev is not installed"); }
#endif

}  // namespace
}  // namespace skep
