// Types of several files, put together by skep and by libbpf's btf__dedup: what is left must be the same graph.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>

#include <bpf/btf.h>

#include "btf/dedup.hpp"
#include "support/btf_builder.hpp"

namespace skep {  // in which btf is the room, not libbpf's type

using btf::Graph;
using btf::Kind;
using btf::TypeId;
using testing::BtfBuilder;

namespace {

using Types = std::shared_ptr<const btf::Btf>;

Types parsed(std::span<const std::byte> bytes) {
  auto types = btf::Btf::parse(bytes);
  REQUIRE_MESSAGE(types.has_value(), types.error().message());
  return *types;
}

Graph together(const std::vector<BtfBuilder>& files, std::vector<Types>& kept) {
  Graph graph;
  for (const BtfBuilder& each : files) {
    kept.push_back(parsed(each.bytes()));
    graph.add_all(*kept.back());
  }
  return graph;
}

Types by_skep(const std::vector<BtfBuilder>& files) {
  std::vector<Types> kept;
  Graph graph = together(files, kept);
  (void)graph.replace(btf::find_duplicates(graph));
  const auto written = std::move(graph).write({});
  REQUIRE(written.has_value());
  return parsed(written->types);
}

Types by_libbpf(const std::vector<BtfBuilder>& files) {
  std::vector<Types> kept;
  const auto written = together(files, kept).write({});
  REQUIRE(written.has_value());
  ::btf* types = btf__new(written->types.data(), static_cast<std::uint32_t>(written->types.size()));
  REQUIRE(types != nullptr);
  REQUIRE(btf__dedup(types, nullptr) == 0);
  std::uint32_t bytes = 0;
  const auto* data = static_cast<const std::byte*>(btf__raw_data(types, &bytes));
  Types result = parsed({data, bytes});
  btf__free(types);
  return result;
}

/// One line a type, sorted: its own words, and to some depth the numbers of what it refers to, which are the same in
/// two graphs when the types look the same to that depth.
std::vector<std::string> shape(const btf::Btf& types, std::map<std::string, std::size_t>& numbers) {
  std::vector<std::size_t> number(types.size(), 0);
  std::vector<std::string> lines(types.size());
  for (int round = 0; round < 12; ++round) {
    for (TypeId id = 1; id < types.size(); ++id) {
      const btf::Type& type = types.type(id);
      std::string& line = lines[id] = std::to_string(static_cast<int>(type.kind)) + (type.kind_flag ? "! " : " ") +
                                      std::string(type.name) + " " + std::to_string(type.size) + " " +
                                      std::to_string(type.ref < types.size() ? number[type.ref] : 0);
      for (const auto& each : types.members(type))
        line += " " + std::string(each.name) + "@" + std::to_string(each.bit_offset) + ":" +
                std::to_string(number[each.type]);
      for (const auto& each : types.enumerators(type)) line += " " + std::string(each.name);
      for (const auto& each : types.parameters(type)) line += " (" + std::to_string(number[each.type]);
    }
    for (TypeId id = 1; id < types.size(); ++id)
      number[id] = numbers.try_emplace(std::to_string(round) + " " + lines[id], numbers.size() + 1).first->second;
  }
  lines.erase(lines.begin());
  std::sort(lines.begin(), lines.end());
  return lines;
}

/// How a file knows a struct.
enum class Known { not_at_all, declared, as_one, as_another };

constexpr std::size_t kNames = 5;
constexpr std::array<std::string_view, kNames> kName = {"a", "b", "c", "d", "u"};
constexpr std::size_t kUnion = 4;

/// What all files agree on: to whom each form of each struct points, and through what.
struct World {
  std::array<std::array<std::vector<std::size_t>, 2>, kNames> points_to;
  std::array<Kind, kNames> through{};
};

World random_world(std::mt19937& random) {
  constexpr std::array kThrough = {Kind::ptr, Kind::const_, Kind::typedef_};
  World world;
  for (auto& forms : world.points_to)
    for (auto& targets : forms)
      for (std::size_t i = 0, count = 1 + random() % 2; i < count; ++i) targets.push_back(random() % kNames);
  for (Kind& each : world.through) each = kThrough[random() % kThrough.size()];
  return world;
}

/// A file as a compiler would write it: each type once, declarations where it does not know more.
BtfBuilder random_file(const World& world, std::mt19937& random) {
  std::array<Known, kNames> known{};
  for (Known& each : known) each = static_cast<Known>(random() % 4);
  BtfBuilder file;
  const auto number = file.integer("int", 4, 1);
  const TypeId first_pointer = file.next(), first_between = first_pointer + kNames;
  const TypeId first_struct = first_between + kNames;
  for (std::size_t i = 0; i < kNames; ++i) file.ref(Kind::ptr, first_between + static_cast<TypeId>(i));
  for (std::size_t i = 0; i < kNames; ++i)
    file.ref(world.through[i], first_struct + static_cast<TypeId>(i), world.through[i] == Kind::typedef_ ? "t" : "");
  for (std::size_t i = 0; i < kNames; ++i) {
    if (known[i] == Known::not_at_all || known[i] == Known::declared) {
      file.add(kName[i], BtfBuilder::info(Kind::fwd) | (i == kUnion ? BtfBuilder::kFlag : 0), 0);
      continue;
    }
    const bool other = known[i] == Known::as_another;
    const auto& targets = world.points_to[i][other ? 1 : 0];
    const auto pointers = static_cast<std::uint32_t>(targets.size());
    file.add(kName[i], BtfBuilder::info(i == kUnion ? Kind::union_ : Kind::struct_, pointers + 1), 8 * pointers + 8);
    for (std::uint32_t at = 0; at < pointers; ++at)
      file.append_words(
          {file.string("p"), first_pointer + static_cast<TypeId>(targets[at]), i == kUnion ? 0 : 64 * at});
    file.append_words({file.string(other ? "other" : "one"), number, i == kUnion ? 0 : 64 * pointers});
  }
  const auto used = static_cast<TypeId>(random() % kNames);
  const auto proto = file.add("", BtfBuilder::info(Kind::func_proto, 1), number, {0, first_pointer + used});
  file.add("f" + std::to_string(used), BtfBuilder::info(Kind::func, 1), proto);
  return file;
}

}  // namespace

TEST_CASE("of files that know structs or only declare them, skep leaves what libbpf leaves") {
  // Where a type fits several others, libbpf's choice hangs on the order of files and of its hash table.
  std::size_t same = 0, by_order = 0;
  for (std::uint32_t seed = 0; seed < 2'000; ++seed) {
    std::mt19937 random(seed);
    const World world = random_world(random);
    std::vector<BtfBuilder> files;
    for (std::size_t count = 2 + random() % 4; files.size() < count;) files.push_back(random_file(world, random));
    std::map<std::string, std::size_t> numbers;
    const auto ours = shape(*by_skep(files), numbers), theirs = shape(*by_libbpf(files), numbers);
    const auto turned = shape(*by_libbpf({files.rbegin(), files.rend()}), numbers);
    if (theirs != turned) {
      ++by_order;
      continue;
    }
    CAPTURE(seed);
    CHECK(ours == theirs);
    ++same;
  }
  MESSAGE(same, " sets of files compared, ", by_order,
          " of which libbpf makes one thing in one order, another in the other");
  CHECK(same > 1'000);
}

}  // namespace skep
