// Three passes over the ops: maps, then the records of ring buffers, then callbacks.
//
// An update of an array is a copy where its flags are a constant: all elements are there, so that any and exist mean
// the same.
//
// A record is given back without a word on which ring it came from. Where all of a program's come out of one known
// ring, that is the one; where not, the run keeps the book of them all, so none may come out without its knowledge.
#include "lower/known_calls.hpp"

#include <algorithm>
#include <iterator>
#include <optional>

#include "lower/look_back.hpp"
#include "lower/shape.hpp"

namespace skep::lower {
namespace {

using abi::HelperId;
using isa::Operands;
using maps::DirectCall;

constexpr unsigned kCallbackRegister = 2;  // bpf_loop's second argument
constexpr unsigned kFlagsRegister = 4;     // bpf_map_update_elem's fourth
constexpr unsigned kKeyRegister = 2;
constexpr std::uint64_t kAny = 0, kExist = 2;
constexpr std::uint32_t kMostStoredBytes = 64;  // what is longer is left to a loop

struct DirectRow {
  HelperId helper;
  DirectCall call;
};
constexpr DirectRow kDirectCalls[] = {
    {HelperId::map_lookup_elem, DirectCall::lookup}, {HelperId::map_update_elem, DirectCall::update},
    {HelperId::map_delete_elem, DirectCall::erase},  {HelperId::ringbuf_reserve, DirectCall::reserve},
    {HelperId::ringbuf_submit, DirectCall::submit},  {HelperId::ringbuf_discard, DirectCall::discard},
};

bool calls(const Binding& binding, HelperId helper) noexcept {
  return binding.app == nullptr && binding.row.id == static_cast<std::uint32_t>(helper);
}

/// Null for ops that are no unchecked calls of helpers.
const Binding* binding_of(const Op& op) noexcept {
  return op.code == Code::call_free ? reinterpret_cast<const Binding*>(op.imm) : nullptr;
}

/// Null for ops that neither take a record nor give one back, without asking the run.
const KnownCall* record_call_of(const Op& op) noexcept {
  const auto* call = op.code == Code::call_direct ? reinterpret_cast<const KnownCall*>(op.imm) : nullptr;
  return call != nullptr && call->about_record ? call : nullptr;
}

class Knowing {
 public:
  Knowing(Image& image, const verifier::Facts& facts) : image_(image), facts_(facts), back_(image, facts) {}

  void know_maps() {
    for (std::size_t i = 0; i < image_.ops.size(); ++i) {
      const Binding* binding = binding_of(image_.ops[i]);
      const auto index = binding == nullptr ? std::nullopt : facts_.at(image_.pcs[i]).value.value();
      if (index && *index < image_.maps.size()) bind(i, *binding, *image_.maps[*index]);
    }
  }

  void know_records() {
    maps::MapStorage* ring = nullptr;
    bool one_ring = true;
    for (const Op& op : image_.ops) {
      const Binding* binding = binding_of(op);
      if (binding != nullptr && calls(*binding, HelperId::ringbuf_reserve)) one_ring = false;
      const KnownCall* reserve = record_call_of(op);
      if (reserve == nullptr) continue;
      one_ring = one_ring && (ring == nullptr || ring == reserve->map);
      ring = reserve->map;
    }
    if (ring == nullptr) return;
    for (std::size_t i = 0; i < image_.ops.size(); ++i) {
      Op& op = image_.ops[i];
      const Binding* binding = binding_of(op);
      const KnownCall* reserve = record_call_of(op);
      if (!one_ring && reserve != nullptr)
        op = {Code::call_free, op.dst, op.src, op.off, reinterpret_cast<std::int64_t>(reserve->binding)};
      else if (one_ring && binding != nullptr &&
               (calls(*binding, HelperId::ringbuf_submit) || calls(*binding, HelperId::ringbuf_discard)))
        bind(i, *binding, *ring);
    }
  }

  void know_callbacks() {
    for (std::size_t i = 0; i < image_.ops.size(); ++i) {
      const Binding* binding = binding_of(image_.ops[i]);
      if (binding == nullptr || !calls(*binding, HelperId::loop)) continue;
      const auto callback = back_.constant_before(i, kCallbackRegister);
      const Function* function = callback ? image_.function_at(*callback) : nullptr;
      if (function == nullptr) continue;
      Binding& loop = image_.loop_bindings.emplace_back(*binding);
      loop.callback = function;
      image_.ops[i].imm = reinterpret_cast<std::int64_t>(&loop);
    }
  }

 private:
  /// Leaves the op alone where the map has no code of its own for the call.
  void bind(std::size_t index, const Binding& binding, maps::MapStorage& map) {
    Op& op = image_.ops[index];
    const auto row = std::find_if(std::begin(kDirectCalls), std::end(kDirectCalls),
                                  [&](const DirectRow& candidate) { return calls(binding, candidate.helper); });
    if (row == std::end(kDirectCalls)) return;
    KnownCall call{.binding = &binding, .map = &map, .code = map.direct(row->call)};
    // A map made for fewer CPUs than the host has lets some share a value: that is left to the helper.
    if (call.code == nullptr || (map.per_cpu() && map.cpus() < image_.host->cpu_count())) return;
    call.wants_cpu = map.per_cpu();
    call.about_record = map.ring_buffer() != nullptr;
    call.names_map = !call.about_record;
    const bool is_lookup = row->call == DirectCall::lookup;
    if (row->call == DirectCall::update && may_store(index, map) && place_values(call))
      call.stored_bytes = map.spec().value_size;
    op.code = !is_lookup ? Code::call_direct : place_values(call) ? Code::lookup_array : Code::lookup_direct;
    call.is_in_range = call.count != 0 && back_.most_at(index, kKeyRegister) < call.count;
    op.imm = reinterpret_cast<std::int64_t>(&image_.known_calls.emplace_back(call));
    if (is_lookup && call.is_in_range) decide_null_test(index + 1);
  }

  /// After a look-up that never fails. What is left of the branch is a jump, for control to come by.
  void decide_null_test(std::size_t index) {
    if (index == image_.ops.size() || back_.is_target(index)) return;
    Op& op = image_.ops[index];
    const bool tests = (op.code == Code::jeq64_imm || op.code == Code::jne64_imm) && op.dst == 0 && op.imm == 0;
    if (tests) op = {Code::ja, 0, 0, op.code == Code::jne64_imm ? op.off : 1, 0};
  }

  /// The update stores, whatever the key's value was: it is short, allowed, and of an array all elements are there.
  [[nodiscard]] bool may_store(std::size_t op, const maps::MapStorage& map) const {
    const auto flags = back_.constant_before(op, kFlagsRegister);
    if (flags != kAny && flags != kExist) return false;
    return map.value_areas().size() == 1 && map.value_areas().front().writable &&
           map.spec().value_size <= kMostStoredBytes;
  }

  /// True of arrays: where their values lie is arithmetic.
  static bool place_values(KnownCall& call) {
    const MapType type = call.map->spec().type;
    if (type != MapType::array && type != MapType::percpu_array) return false;
    const maps::ValueArea& values = call.map->value_areas().front();
    if (values.stride > INT32_MAX) return false;  // engines multiply by it as a signed 32-bit constant
    call.base = values.base;
    call.lane_bytes = call.wants_cpu ? values.bytes / call.map->cpus() : 0;
    call.stride = values.stride;
    call.count = call.map->spec().max_entries;
    return true;
  }

  Image& image_;
  const verifier::Facts& facts_;
  LookBack back_;
};

}  // namespace

void know_calls(Image& image, const verifier::Facts& facts) {
  if (image.bindings.empty()) return;
  const auto calls_any = [&image](HelperId helper) {
    return std::any_of(image.bindings.begin(), image.bindings.end(),
                       [helper](const Binding& binding) { return calls(binding, helper); });
  };
  Knowing knowing(image, facts);
  knowing.know_maps();
  if (calls_any(HelperId::ringbuf_reserve)) knowing.know_records();
  if (calls_any(HelperId::loop)) knowing.know_callbacks();
}

}  // namespace skep::lower
