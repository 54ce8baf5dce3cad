// From maps to the target's structs: which member is which, and what the programs in them attach to.
//
// A member is the one of the same name; the target's struct may have others, order and places are the target's. The
// steps taken and the bytes made are bounded over all maps, because many of them may share one large struct.
#include <algorithm>
#include <cstring>
#include <optional>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "btf/core_compare.hpp"
#include "loader/struct_ops.hpp"

namespace skep::loader {
namespace {

using btf::Kind;

constexpr std::uint64_t kMaxSteps = 1u << 20;                 // members looked at, of both sides
constexpr std::size_t kMaxValueBytes = 16u << 20;             // of all values together
constexpr std::string_view kValuePrefix = "bpf_struct_ops_";  // of the struct that Linux wraps around each

bool all_zero(Bytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

/// Fits the maps of one object to one target.
class Fitting {
 public:
  Fitting(const btf::Btf& local, const btf::Btf& target) : local_(local), target_(target) {}

  /// Fills in what the target has to say of the map; what is wrong, when it cannot be fitted.
  std::optional<std::string> fit(MapDef& def) {
    StructOps& ops = *def.struct_ops;
    const std::string value_name = std::string(kValuePrefix) + ops.type_name;
    const btf::TypeId value_id = target_.find(Kind::struct_, value_name);
    const btf::TypeId type_id = target_.find(Kind::struct_, ops.type_name);
    if (value_id == 0) return fmt::format("struct {}", value_name);
    if (type_id == 0) return fmt::format("struct {}", ops.type_name);
    const btf::Type& value = target_.type(value_id);
    const auto members = target_.members(value);
    const auto data = std::find_if(members.begin(), members.end(), [&](const auto& m) { return m.type == type_id; });
    if (data == members.end()) return fmt::format("struct {}: has no struct {} inside", value_name, ops.type_name);
    made_bytes_ += value.size;
    if (!spend(members.size()) || made_bytes_ > kMaxValueBytes)
      return fmt::format("struct {}: the object's struct_ops maps are too many or too large", ops.type_name);
    std::vector<std::byte> image(value.size);
    if (auto wrong = fill(def, type_id, data->bit_offset / 8, image)) return wrong;
    ops.kernel_type = type_id;
    ops.kernel_value_type = value_id;
    ops.kernel_value = std::move(image);
    def.spec.value_size = value.size;
    return std::nullopt;
  }

 private:
  using Names = std::unordered_map<std::string_view, std::uint32_t>;

  bool spend(std::uint64_t steps) {
    steps_ += steps;
    return steps_ <= kMaxSteps;
  }

  /// The target struct's members by name, each struct looked at once.
  const Names& names_in(btf::TypeId type) {
    const auto [entry, fresh] = names_.try_emplace(type);
    if (fresh) {
      const auto members = target_.members(target_.type(type));
      for (std::uint32_t i = 0; i < members.size(); ++i) entry->second.try_emplace(members[i].name, i);
    }
    return entry->second;
  }

  std::optional<std::string> fill(MapDef& def, btf::TypeId type_id, std::uint32_t base, std::vector<std::byte>& image) {
    StructOps& ops = *def.struct_ops;
    const auto mine = local_.members(local_.type(def.spec.btf_value_type));
    if (!spend(mine.size())) return fmt::format("struct {}: the object's maps have too many members", ops.type_name);
    const Names& names = names_in(type_id);
    std::unordered_map<std::uint32_t, StructOps::Member*> programs;
    for (StructOps::Member& member : ops.members) programs[member.index] = &member;
    for (std::uint32_t i = 0; i < mine.size(); ++i) {
      const auto program = programs.find(i);
      StructOps::Member* taken = program == programs.end() ? nullptr : program->second;
      const auto theirs = names.find(mine[i].name);
      const std::uint32_t index = theirs == names.end() ? kNone : theirs->second;
      if (auto wrong = fit_member(def, mine[i], type_id, index, base, taken, image))
        return fmt::format("struct {}: member {} {}", ops.type_name, shown(mine[i].name), *wrong);
    }
    return std::nullopt;
  }

  std::optional<std::string> fit_member(MapDef& def, const btf::Member& mine, btf::TypeId type_id, std::uint32_t index,
                                        std::uint32_t base, StructOps::Member* program,
                                        std::vector<std::byte>& image) const {
    const auto bytes = local_.size_of(mine.type);
    if (!bytes) return "has no size";
    const auto value = ByteReader(def.contents).slice(mine.bit_offset / 8, *bytes);
    if (!value) return "lies past the end of the struct";
    if (index == kNone) {
      if (program != nullptr || !all_zero(*value)) return "is set, the target has none of the name";
      return std::nullopt;
    }
    const btf::Member& theirs = target_.members(target_.type(type_id))[index];
    if (mine.bit_size != 0 || theirs.bit_size != 0) return "is a bit field";
    const btf::Type& my_type = local_.type(local_.strip(mine.type));
    const btf::Type& their_type = target_.type(target_.strip(theirs.type));
    if (my_type.kind != their_type.kind) return "is of another kind in the target";
    const std::uint64_t place = std::uint64_t{base} + theirs.bit_offset / 8;
    if (my_type.kind == Kind::ptr) {
      if (program == nullptr) return all_zero(*value) ? std::nullopt : std::optional("points to no program");
      if (target_.type(target_.strip(their_type.ref)).kind != Kind::func_proto)
        return "is no pointer to a function in the target";
      program->kernel_index = index;
      program->kernel_offset = static_cast<std::uint32_t>(place);
      return std::nullopt;
    }
    const auto their_bytes = target_.size_of(theirs.type);
    if (their_bytes != bytes || !in_bounds(place, *bytes, image.size()))
      return fmt::format("takes {} bytes, in the target {}", *bytes, their_bytes.value_or(0));
    std::copy(value->begin(), value->end(), image.begin() + static_cast<std::ptrdiff_t>(place));
    def.struct_ops->copies.push_back({mine.bit_offset / 8, static_cast<std::uint32_t>(place), *bytes});
    return std::nullopt;
  }

  static constexpr std::uint32_t kNone = UINT32_MAX;
  const btf::Btf& local_;
  const btf::Btf& target_;
  std::unordered_map<btf::TypeId, Names> names_;
  std::uint64_t steps_ = 0;
  std::size_t made_bytes_ = 0;
};

/// What the maps that take a program say of it.
struct Role {
  std::string target;                ///< "tcp_congestion_ops.ssthresh", of the first map
  std::uint32_t type_id = 0;         ///< of the target; 0 until a map that was fitted takes it
  std::uint32_t index = 0;           ///< of the member, likewise
  bool taken = false;                ///< by a map at all
  bool wanted = false;               ///< by a map that is made
  std::vector<std::string> missing;  ///< a few, each once

  void miss(const std::string& what) {
    constexpr std::size_t kMost = 8;
    if (missing.size() < kMost && std::find(missing.begin(), missing.end(), what) == missing.end())
      missing.push_back(what);
  }
};

/// A program may be in several maps, but then in the same member of the same struct.
void take(const MapDef& def, const StructOps::Member& member, Role& role) {
  const StructOps& ops = *def.struct_ops;
  std::string target = fmt::format("{}.{}", ops.type_name, member.name);
  role.wanted |= def.autocreate;
  if (!std::exchange(role.taken, true)) role.target = target;
  if (!def.autocreate) return;
  if (!ops.problem.empty()) {
    role.miss(ops.problem);
  } else if (role.type_id == 0) {
    role.type_id = ops.kernel_type;
    role.index = member.kernel_index;
    role.target = std::move(target);
  } else if (role.type_id != ops.kernel_type || role.index != member.kernel_index) {
    role.miss(
        fmt::format("struct_ops map {}: takes it as {}, it is {} already", shown(def.spec.name), target, role.target));
  }
}

/// The program with what its role says; the programs are shared, so a changed one is a copy.
std::shared_ptr<const program::Program> in_role(const program::Program& program, const Role& role) {
  auto changed = std::make_shared<program::Program>(program);
  std::vector<std::string> missing = role.missing;
  if (role.taken) {
    changed->attach_target = role.target;
    changed->attach_btf_id = role.type_id;
    changed->expected_attach_type = role.index;
    changed->autoload = role.wanted;
  } else {
    missing.emplace_back("a struct_ops map that takes it");
  }
  std::vector<program::Need> needs;
  for (std::string& name : missing) needs.push_back({program::Need::Kind::struct_ops, std::move(name), 0});
  changed->needs.insert(changed->needs.begin(), needs.begin(), needs.end());
  return changed;
}

}  // namespace

void StructOpsMaps::bind(const btf::Btf* local, const btf::Btf* target, MapTable& maps,
                         std::vector<std::shared_ptr<const program::Program>>& programs) const {
  if (local != nullptr && target != nullptr) {
    Fitting fitting(*local, *target);
    for (const std::uint32_t map : maps_) {
      MapDef& def = maps.defs()[map];
      if (!def.autocreate) continue;
      if (auto wrong = fitting.fit(def)) def.struct_ops->problem = std::move(*wrong);
    }
  } else {
    for (const std::uint32_t map : maps_) {
      StructOps& ops = *maps.defs()[map].struct_ops;
      ops.problem = fmt::format("struct {}{}", kValuePrefix, ops.type_name);
    }
  }
  std::unordered_map<std::string_view, std::unordered_map<std::string_view, Role>> roles;
  for (const Slot& slot : slots_) {
    const MapDef& def = maps.defs()[slot.map];
    const StructOps::Member& member = def.struct_ops->members[slot.member];
    take(def, member, roles[slot.section][member.program]);
  }
  for (auto& program : programs)
    if (program->type == ProgType::struct_ops) program = in_role(*program, roles[program->section][program->name]);
}

}  // namespace skep::loader
