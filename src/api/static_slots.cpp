// Programs call each other through arrays in circles as they like: each program is built once per call and each array
// visited once, so the work is bounded by the file.
#include "api/static_slots.hpp"

#include <algorithm>
#include <cstring>
#include <deque>
#include <unordered_map>

#include <fmt/format.h>

#include "api/attach_code.hpp"
#include "api/judge.hpp"
#include "lower/lower.hpp"
#include "maps/prog_array.hpp"

namespace skep {
namespace {

using Image = std::shared_ptr<const lower::Image>;

std::string slot_name(const loader::MapDef& def, std::size_t slot) {
  return fmt::format("map {}, slot {}", def.spec.name, slot);
}

/// Functions that are verified by themselves may each run as long as a program, as often as others call them.
bool has_functions_by_themselves(const ObjectData& object, const program::Program& program) {
  const auto& functions = program.subprogs;
  return object.spec.btf != nullptr && functions.size() > 1 &&
         std::any_of(functions.begin() + 1, functions.end(), [](const auto& function) { return !function.local; });
}

/// It may spend what it is allowed to run on copies that take long.
bool copies_long_values(const lower::Image& image) {
  constexpr auto kUpdate = static_cast<std::uint32_t>(abi::HelperId::map_update_elem);
  const auto is_long = [](const auto& map) { return map->spec().value_size > maps::kShortValueBytes; };
  const auto updates = [](const lower::Binding& binding) { return binding.row.id == kUpdate; };
  return std::any_of(image.maps.begin(), image.maps.end(), is_long) &&
         std::any_of(image.bindings.begin(), image.bindings.end(), updates);
}

Result<Image> lower_one(const ObjectData& object, std::shared_ptr<const program::Program> program,
                        const BuildPlan& plan, std::shared_ptr<const verifier::Facts> facts) {
  const BuildOptions& options = plan.options;
  const bool runs_short = facts != nullptr && !has_functions_by_themselves(object, *program);
  lower::Inputs inputs;
  inputs.program = std::move(program);
  for (const Map& map : object.maps) inputs.maps.push_back(map.storage());
  inputs.host = options.host != nullptr ? options.host : object.host;
  inputs.app_helpers = options.helpers;
  inputs.app_kfuncs = options.kfuncs;
  const Mode mode = options.mode.value_or(facts != nullptr ? Mode::unguarded : Mode::guarded);
  inputs.guarded = mode != Mode::unguarded;
  const Trust trust = facts == nullptr ? Trust::unproven : plan.verify.bpf ? Trust::privileged : Trust::unprivileged;
  if (mode != Mode::guarded) inputs.facts = std::move(facts);
  auto image = lower::lower(std::move(inputs));
  if (!image) return fail(std::move(image).error());
  const bool ends_soon = runs_short && !copies_long_values(**image);
  if (auto ok = attach_code(**image, options, trust, ends_soon); !ok) return fail(std::move(ok).error());
  return Image(std::move(*image));
}

bool names_map(const lower::Image& image, const maps::MapStorage& map) {
  const auto address = reinterpret_cast<std::int64_t>(&map);
  return std::any_of(image.ops.begin(), image.ops.end(),
                     [address](const lower::Op& op) { return op.code == lower::Code::constant && op.imm == address; });
}

/// One build and the arrays it fills. Lives while the object's slots are locked.
class SlotBuild {
 public:
  SlotBuild(const ObjectData& object, const BuildPlan& plan)
      : object_(object), plan_(plan), visited_(object.filled_arrays) {}

  Result<Image> build(const std::shared_ptr<const program::Program>& program) {
    auto entry = image_of(program, plan_.facts);
    if (!entry) return entry;
    for (; !unvisited_.empty(); unvisited_.pop_front()) {
      if (auto built = visit(unvisited_.front()); !built) return fail(std::move(built).error());
    }
    for (const Put& put : puts_)
      if (auto done = fill(put); !done) return fail(std::move(done).error());
    object_.filled_arrays = std::move(visited_);
    return entry;
  }

 private:
  struct Put {
    std::size_t map;
    std::uint32_t slot;
    Image image;
  };

  Result<Image> image_of(const std::shared_ptr<const program::Program>& program,
                         std::shared_ptr<const verifier::Facts> facts) {
    if (const auto known = images_.find(program.get()); known != images_.end()) return known->second;
    if (plan_.verified && facts == nullptr) {
      verifier::Report report = judge(object_, *program, plan_.verify);
      if (!report.accepted())
        return fail(ErrorCode::refused, fmt::format("insn {}", report.findings.front().pc),
                    verifier::text_of(report.findings.front()));
      facts = std::move(report.facts);
    }
    auto image = lower_one(object_, program, plan_, std::move(facts));
    if (!image) return image;
    images_.emplace(program.get(), *image);
    for (std::size_t i = 0; i < visited_.size(); ++i) {
      if (visited_[i] || !names_map(**image, *object_.maps[i].storage())) continue;
      visited_[i] = true;
      unvisited_.push_back(i);
    }
    return image;
  }

  Result<void> visit(std::size_t map) {
    const loader::MapDef& def = object_.spec.maps[map];
    for (std::uint32_t slot = 0; slot < def.slots.size(); ++slot) {
      if (def.slots[slot].empty()) continue;
      const auto& programs = object_.spec.programs;
      const auto program =
          std::find_if(programs.begin(), programs.end(), [&](const auto& p) { return p->name == def.slots[slot]; });
      if (program == programs.end())
        return fail(ErrorCode::not_found, slot_name(def, slot), "there is no program " + def.slots[slot]);
      auto image = image_of(*program, nullptr);
      if (!image)
        return fail(image.error().code, slot_name(def, slot) + ", program " + def.slots[slot], image.error().message());
      puts_.push_back({map, slot, std::move(*image)});
    }
    return {};
  }

  Result<void> fill(const Put& put) {
    maps::ProgArrayMap& array = *object_.maps[put.map].storage()->prog_array();
    if (array.target(put.slot) != nullptr) return {};
    const int error = array.set(put.slot, put.image);
    if (error == 0) return {};
    return fail(
        error == -E2BIG ? ErrorCode::limit : ErrorCode::invalid, slot_name(object_.spec.maps[put.map], put.slot),
        error == -E2BIG ? "is past the end of the array"
                        : fmt::format("cannot hold program {}: {}", put.image->program->name, std::strerror(-error)),
        -error);
  }

  const ObjectData& object_;
  const BuildPlan& plan_;
  std::vector<bool> visited_;
  std::deque<std::size_t> unvisited_;
  std::unordered_map<const program::Program*, Image> images_;
  std::vector<Put> puts_;
};

}  // namespace

Result<Image> build_image(const ObjectData& object, const std::shared_ptr<const program::Program>& program,
                          const BuildPlan& plan) {
  const std::scoped_lock lock(object.slots_mutex);
  return SlotBuild(object, plan).build(program);
}

}  // namespace skep
