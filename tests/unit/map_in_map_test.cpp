// Maps of maps and static initialisers, as programs see them: an object that uses them against the running kernel, and
// what no kernel would show: stale and forged pointers to inner maps.
#include <doctest/doctest.h>

#include <deque>
#include <map>
#include <random>

#include "loader/object_spec.hpp"
#include "support/kernel_map.hpp"
#include "support/objects.hpp"
#include "support/run_asm.hpp"

using namespace skep;

namespace {

constexpr std::string_view kLookUpTwice = R"(
  *(u32 *)(r10 - 4) = 0
  r1 = 0xabc0 ll
  r2 = r10
  r2 += -4
  call 1
  r6 = r0
  if r0 == 0 goto +7
  r1 = r6
  r2 = r10
  r2 += -4
  call 1
  if r0 == 0 goto +2
  r0 = *(u64 *)(r0 + 0)
  exit
  r0 = 77
  exit
)";

/// Runs assembly in which the constant 0xabc0 stands for `map`.
RunResult run(std::string_view text, const Map& map, const BuildOptions& options = {}) {
  std::vector<Insn> insns = test::assembled(text);
  for (Insn& insn : insns) {
    if (insn.opcode != 0x18 || insn.imm != 0xabc0) continue;
    insn.src = BPF_PSEUDO_MAP_FD;
    insn.imm = 0;
  }
  const auto program = Program::from_insns(insns, ProgType::unspec, std::span(&map, 1));
  REQUIRE_MESSAGE(program.has_value(), program.error().message());
  const auto executable = Executable::build(*program, options);
  REQUIRE_MESSAGE(executable.has_value(), executable.error().message());
  RawContext context;
  return executable->run(context, {.budget = 100'000});
}

MapSpec array_spec(std::string name, std::uint32_t entries = 1) {
  return {.name = std::move(name), .type = MapType::array, .key_size = 4, .value_size = 8, .max_entries = entries};
}

Map outer_of(const MapSpec& inner, MapType type = MapType::array_of_maps) {
  const auto map = Map::create({.name = "outer",
                                .type = type,
                                .key_size = 4,
                                .value_size = 4,
                                .max_entries = 4,
                                .inner = std::make_shared<const MapSpec>(inner)});
  REQUIRE_MESSAGE(map.has_value(), map.error().message());
  return *map;
}

Map array_of_one(std::uint64_t value) {
  const auto map = Map::create(array_spec("inner"));
  REQUIRE(map);
  REQUIRE(map->update(0u, value));
  return *map;
}

/// The object's maps and programs in the kernel, filled as libbpf fills them.
struct KernelSide {
  std::deque<kernel::KernelMap> templates, maps;
  std::map<std::string, kernel::Descriptor> programs;

  explicit KernelSide(const Object& object) {
    for (const loader::MapDef& def : object.spec().maps) {
      const bool outer = def.spec.inner != nullptr;
      if (outer) templates.emplace_back(*def.spec.inner);
      maps.emplace_back(def.spec, outer ? templates.back().fd() : 0);
      REQUIRE(maps.back().error() == 0);
    }
    for (const auto& program : object.spec().programs) {
      std::vector<Insn> insns = program->insns;
      for (std::size_t pc = 0; pc < insns.size(); ++pc) {
        if (insns[pc].opcode != 0x18) continue;
        if (insns[pc].src == BPF_PSEUDO_MAP_FD) insns[pc].imm = maps[static_cast<std::size_t>(insns[pc].imm)].fd();
        ++pc;
      }
      programs.emplace(program->name, kernel::load(ProgType::xdp, insns));
      REQUIRE(programs.at(program->name).ok());
    }
    for (std::size_t i = 0; i < maps.size(); ++i) fill(object, i);
  }

  void fill(const Object& object, std::size_t index) {
    const loader::MapDef& def = object.spec().maps[index];
    for (std::uint32_t slot = 0; slot < def.slots.size(); ++slot) {
      if (def.slots[slot].empty()) continue;
      int fd = -1;
      if (def.spec.type == MapType::prog_array) fd = programs.at(def.slots[slot]).get();
      for (std::size_t i = 0; i < maps.size(); ++i)
        if (object.maps()[i].name() == def.slots[slot]) fd = maps[i].fd();
      REQUIRE(maps[index].update(reinterpret_cast<const std::byte*>(&slot), reinterpret_cast<const std::byte*>(&fd),
                                 0) == 0);
    }
  }
};

}  // namespace

TEST_CASE("an object whose maps of maps and program array the file fills runs as in the kernel") {
  const auto image = objects::compile("maps_slots.bpf.c");
  if (!image) return;
  for (const Mode mode : {Mode::guarded, Mode::unguarded}) {
    const auto object = Object::load(*image);
    REQUIRE_MESSAGE(object.has_value(), object.error().message());
    const auto enter = Executable::build(*object->program("enter"), {.mode = mode});
    REQUIRE_MESSAGE(enter.has_value(), enter.error().message());
    if (const auto reason = kernel::unavailable()) {
      MESSAGE("SKIP: " << *reason);
      return;
    }
    const KernelSide theirs(*object);
    std::mt19937 random(20241121);
    std::map<std::uint32_t, unsigned> verdicts;
    for (unsigned round = 0; round < 3000; ++round) {
      std::vector<std::byte> frame(64);
      for (std::size_t i = 0; i < 4; ++i) frame[i] = static_cast<std::byte>(random() % (i == 2 ? 11 : 5));
      XdpPacket packet(frame);
      const RunResult ours = enter->run(packet);
      REQUIRE_MESSAGE(ours.ok(), enter->explain(ours.fault));
      const auto run = kernel::run_xdp(theirs.programs.at("enter"), frame);
      REQUIRE(run.sys >= 0);
      REQUIRE(static_cast<std::uint32_t>(ours.value) == run.value);
      ++verdicts[run.value];
    }
    CHECK(verdicts.size() > 8);  // all the ways through were taken
    for (std::size_t i = 0; i < object->maps().size(); ++i) {
      const Map& map = object->maps()[i];
      if (map.spec().inner != nullptr || map.spec().type == MapType::prog_array) continue;
      map.for_each([&](auto key, auto value) {
        std::vector<std::byte> expected(value.size());
        CHECK(theirs.maps[i].lookup(key.data(), expected.data()) == 0);
        CHECK(std::vector<std::byte>(value.begin(), value.end()) == expected);
        return true;
      });
    }
  }
}

TEST_CASE("a program array is filled by the first build that needs it, except where the application was before") {
  const auto image = objects::compile("maps_slots.bpf.c");
  if (!image) return;
  const auto object = Object::load(*image);
  REQUIRE(object);
  const Map next = *object->map("next");
  CHECK(next.lookup<std::uint32_t>(1u).error().sys == ENOENT);
  const std::array insns{Insn(0xb7, 0, 0, 0, 5), Insn(0x95, 0, 0, 0, 0)};
  const auto five = Executable::build(*Program::from_insns(insns, ProgType::xdp));
  REQUIRE(five);
  REQUIRE(five->put_into(next, 2));
  const auto enter = Executable::build(*object->program("enter"));
  REQUIRE(enter);
  CHECK(next.lookup<std::uint32_t>(1u));
  std::vector<std::byte> frame(64);
  frame[0] = std::byte{2};
  XdpPacket packet(frame);
  CHECK(enter->run(packet).value == 5);
  REQUIRE(next.erase(1u));
  REQUIRE(Executable::build(*object->program("count")));
  CHECK(next.lookup<std::uint32_t>(1u).error().sys == ENOENT);
}

TEST_CASE("a run keeps the inner map it has looked up, although the application replaces or removes it") {
  for (const MapType type : {MapType::array_of_maps, MapType::hash_of_maps}) {
    const Map outer = outer_of(array_spec("template"), type);
    std::weak_ptr<maps::MapStorage> gone;
    {
      const Map inner = array_of_one(11);
      gone = inner.storage();
      REQUIRE(outer.update(0u, inner));
    }
    BuildOptions options;
    bool alive = false;
    options.helpers.push_back({.id = 0x10000,
                               .name = "replace",
                               .args = {},
                               .function = [&](HelperCall&, const std::array<std::uint64_t, 5>&) {
                                 CHECK(outer.update(0u, array_of_one(22)));
                                 CHECK(outer.erase(0u));
                                 alive = !gone.expired();
                                 return std::uint64_t{0};
                               }});
    std::string text(kLookUpTwice);
    text.replace(text.find("  r1 = r6\n"), 10, "  call 0x10000\n  r1 = r6\n");
    text.replace(text.find("goto +7"), 7, "goto +8");
    const RunResult result = run(text, outer, options);
    CHECK(result.ok());
    CHECK(result.value == 11);
    CHECK(alive);
    CHECK(gone.expired());
    CHECK(run(kLookUpTwice, outer).value == 77);
  }
}

TEST_CASE("a helper is given no map but those that the program names or has looked up") {
  const Map outer = outer_of(array_spec("template"));
  const Map inner = array_of_one(33);
  REQUIRE(outer.update(0u, inner));
  CHECK(run(kLookUpTwice, outer).value == 33);

  // The address of a live map that this run has not looked up, as a stale pointer in a map value would be.
  const Map stash = array_of_one(reinterpret_cast<std::uint64_t>(inner.storage().get()));
  REQUIRE(outer.update(1u, stash));
  const std::string_view forged = R"(
    *(u32 *)(r10 - 4) = 0
    r1 = 0xabc0 ll
    r2 = r10
    r2 += -4
    call 1
    r1 = *(u64 *)(r0 + 0)
    r2 = r10
    r2 += -4
    call 1
    exit
  )";
  const RunResult stale = run(forged, stash);
  CHECK(stale.fault_kind() == FaultKind::bad_argument);
  CHECK(stale.fault->argument == 1);
  // Nor may a program look into the map itself.
  std::string peek(kLookUpTwice);
  peek.replace(peek.find("  r1 = r6\n"), 10, "  r0 = *(u64 *)(r6 + 0)\n  exit\n");
  CHECK(run(peek, outer).fault_kind() == FaultKind::bad_load);
}

TEST_CASE("a run may look up more inner maps than it has room for at first, and use them all") {
  constexpr std::uint32_t kMaps = 100;
  const auto outer = Map::create({.name = "outer",
                                  .type = MapType::array_of_maps,
                                  .key_size = 4,
                                  .value_size = 4,
                                  .max_entries = kMaps,
                                  .inner = std::make_shared<const MapSpec>(array_spec("template"))});
  REQUIRE(outer);
  std::uint64_t sum = 0;
  for (std::uint32_t i = 0; i < kMaps; ++i) {
    REQUIRE(outer->update(i, array_of_one(i * i)));
    sum += i * i;
  }
  // Adds up the first values; keeps each value pointer until the next map was looked up.
  const std::string_view text = R"(
    r6 = 0
    r7 = 0
    r8 = 0
    *(u32 *)(r10 - 4) = 0
    *(u32 *)(r10 - 8) = r6
    r1 = 0xabc0 ll
    r2 = r10
    r2 += -8
    call 1
    if r0 == 0 goto +10
    r1 = r0
    r2 = r10
    r2 += -4
    call 1
    if r8 == 0 goto +2
    r1 = *(u64 *)(r8 + 0)
    r7 += r1
    r8 = r0
    r6 += 1
    goto -17
    r1 = *(u64 *)(r8 + 0)
    r7 += r1
    r0 = r7
    exit
  )";
  const RunResult result = run(text, *outer);
  CHECK(result.ok());
  CHECK(result.value == sum);
}

TEST_CASE(
    "a map of maps that nothing describes opens, takes its description from the application, and names what is "
    "missing") {
  const std::string_view source = R"(
    #include <linux/bpf.h>
    #include <bpf/bpf_helpers.h>
    struct {
      __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
      __uint(max_entries, 2);
      __uint(key_size, 4);
      __uint(value_size, 4);
    } outer SEC(".maps");
    SEC("xdp") int use(struct xdp_md* ctx) {
      int key = 0;
      void* inner = bpf_map_lookup_elem(&outer, &key);
      __u64* value = inner ? bpf_map_lookup_elem(inner, &key) : 0;
      return value ? *value : 1;
    }
    char LICENSE[] SEC("license") = "GPL";
  )";
  const auto image = objects::compile_text("outer.bpf.c", source);
  if (!image) return;
  const auto bare = Object::load(*image);
  REQUIRE(bare);
  CHECK_FALSE(Executable::build(*bare->program("use")).has_value());
  const auto told = Object::load(*image, "o", {.inner_maps = {{"outer", array_spec("inner")}}});
  REQUIRE(told);
  REQUIRE(told->map("outer")->update(0u, array_of_one(9)));
  const auto use = Executable::build(*told->program("use"));
  REQUIRE(use);
  XdpPacket packet(std::vector<std::byte>(64));
  CHECK(use->run(packet).value == 9);
  CHECK(Object::load(*image, "o", {.inner_maps = {{"nope", array_spec("inner")}}}).error().message() ==
        "inner_maps: the object has no map nope");
}
