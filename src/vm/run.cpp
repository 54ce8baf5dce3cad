// Frames, regions and resources of a run.
#include "vm/run.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include <fmt/format.h>

#include "vm/interpreter.hpp"

namespace skep::vm {
namespace {

/// Linux' limit on iterations of may_goto loops in one frame.
constexpr std::uint64_t kMayGotoLimit = std::uint64_t{8} << 20;

using Target = std::shared_ptr<const maps::TailTarget>;

/// The value, of a row of such, that holds `address`; a window that allows nothing between two values.
Window value_around(std::uint64_t address, std::uint64_t base, std::uint32_t stride, std::uint32_t size) noexcept {
  const std::uint64_t value = base + (address - base) / stride * stride;
  return address - value < size ? Window{value, size} : Window{};
}

}  // namespace

Run::Run(const lower::Image& image, Context& context, std::uint64_t budget) noexcept
    : image_(image),
      current_(&image),
      context_(context),
      budget_(budget),
      counted_(budget != RunOptions::kNoBudget),
      frame_pointer_(stack_top() + kFrameBytes),
      structured_(context.structured()) {
  memories_count_ = static_cast<unsigned>(context.memories(memories_));
}

Run::~Run() {
  for (unsigned i = 0; i < records_count_; ++i) records_[i].ring->discard(records_[i].bytes, 0);
  for (unsigned i = 0; i < targets_count_; ++i) std::launder(reinterpret_cast<Target*>(targets_))[i].~Target();
  if (has_cpu_) image_.host->release_cpu(cpu_);
}

RunResult Run::finish() noexcept {
  const Context::Entry entry = context_.entry();
  entry_r1_ = entry.r1;
  Registers r{};
  r[1] = entry.r1;
  r[2] = entry.r2;
  const std::uint64_t budget = budget_;
  RunResult result;
  result.value = enter(image_.functions.front(), r);
  if (ended_) result.value = 0;
  if (counted_) result.insns = budget - budget_;
  result.fault = std::move(fault_);
  return result;
}

std::uint64_t Run::enter(const lower::Function& function, Registers& r) {
  if (!push_frame(nullptr, r, function)) return 0;
  const lower::Op* op = current_->ops.data() + function.op;
  return counted_ ? execute<true>(*this, op, r) : execute<false>(*this, op, r);
}

bool Run::push_frame(const lower::Op* return_to, Registers& r, const lower::Function& callee) noexcept {
  if (depth_ == kMaxFrames) return false;
  frames_[depth_++] = {current_, return_to, {r[6], r[7], r[8], r[9]}, may_goto_left_, stack_windows_};
  stack_windows_ = 0;
  may_goto_left_ = kMayGotoLimit;
  frame_pointer_ -= kFrameBytes;
  r[isa::kFramePointer] = frame_pointer_;
  clear_frame(callee);
  return true;
}

const lower::Op* Run::pop_frame(Registers& r) noexcept {
  const Frame& frame = frames_[--depth_];
  for (unsigned i = 0; i < frame.saved.size(); ++i) r[6 + i] = frame.saved[i];
  may_goto_left_ = frame.may_goto_left;
  if (depth_ != 0) leave_stack(*frame.image);
  stack_windows_ = frame.stack_windows;
  frame_pointer_ += kFrameBytes;
  r[isa::kFramePointer] = frame_pointer_;
  return frame.return_to;
}

void Run::leave_stack(const lower::Image& caller) noexcept {
  if (current_ != &caller) {
    current_ = &caller;
    regions_changed();
    return;
  }
  for (; stack_windows_ != 0; stack_windows_ &= stack_windows_ - 1) {
    const auto index = static_cast<unsigned>(std::countr_zero(stack_windows_));
    windows_[index / isa::kRegisters][index % isa::kRegisters].span = 0;
  }
}

void Run::clear_frame(const lower::Function& function) noexcept {
  if (function.uses_stack) std::memset(reinterpret_cast<void*>(frame_pointer_ - kFrameBytes), 0, kFrameBytes);
}

unsigned Run::cpu() noexcept {
  if (!has_cpu_) {
    cpu_ = image_.host->acquire_cpu();
    has_cpu_ = true;
  }
  return cpu_;
}

const std::byte* Run::readable(std::uint64_t address, std::uint64_t size) noexcept {
  return allowed(Access::read, address, size) ? reinterpret_cast<const std::byte*>(address) : nullptr;
}

std::byte* Run::writable(std::uint64_t address, std::uint64_t size) noexcept {
  return allowed(Access::write, address, size) ? reinterpret_cast<std::byte*>(address) : nullptr;
}

bool Run::call_back(std::uint64_t function, const std::array<std::uint64_t, 5>& args, std::uint64_t& r0) {
  const lower::Function* callee = current_->function_at(function);
  if (callee == nullptr || depth_ == kMaxFrames) {
    fault(*calling_, callee == nullptr ? FaultKind::bad_call : FaultKind::call_depth, function);
    return false;
  }
  Registers r{};
  std::copy(args.begin(), args.end(), r.begin() + 1);
  const lower::Op* outer = calling_;
  r0 = enter(*callee, r);
  calling_ = outer;
  return !ended_;
}

bool Run::hold_record(maps::RingBufferMap& ring, std::byte* record, std::uint64_t size) noexcept {
  if (records_count_ == kMaxRecords) return false;
  records_[records_count_++] = {&ring, record, size};
  return true;
}

maps::RingBufferMap* Run::release_record(std::byte* record) noexcept {
  const auto end = records_.begin() + records_count_;
  const auto found = std::find_if(records_.begin(), end, [record](const Record& held) { return held.bytes == record; });
  if (found == end) return nullptr;
  maps::RingBufferMap* ring = found->ring;
  *found = records_[--records_count_];
  regions_changed();
  return ring;
}

void Run::regions_changed() noexcept {
  memories_count_ = static_cast<unsigned>(context_.memories(memories_));
  for (auto& windows : windows_) windows.fill({});
}

bool Run::lend(const std::byte* base, std::uint64_t size, bool writable) noexcept {
  if (lends_count_ == kMaxLends) return false;
  lends_[lends_count_++] = {reinterpret_cast<std::uint64_t>(base), size, writable};
  return true;
}

void Run::unlend() noexcept {
  --lends_count_;
  regions_changed();
}

Window Run::find_region(Access access, std::uint64_t address) const noexcept {
  const std::uint64_t stack_bottom = frame_pointer_ - kFrameBytes;
  if (address - stack_bottom < stack_top() - stack_bottom) return {stack_bottom, stack_top() - stack_bottom};
  for (unsigned i = 0; i < memories_count_; ++i) {
    const auto base = reinterpret_cast<std::uint64_t>(memories_[i].base);
    if (address - base < memories_[i].bytes && (access == Access::read || memories_[i].writable))
      return {base, memories_[i].bytes};
  }
  if (const lower::MapRegion* region = current_->region_at(address)) {
    if (!(access == Access::read ? region->readable : region->writable)) return {};
    return value_around(address, region->base, region->stride, region->value_size);
  }
  for (unsigned i = 0; i < records_count_; ++i) {
    const auto base = reinterpret_cast<std::uint64_t>(records_[i].bytes);
    if (address - base < records_[i].size) return {base, records_[i].size};
  }
  for (unsigned i = 0; i < lends_count_; ++i)
    if (address - lends_[i].base < lends_[i].bytes && (access == Access::read || lends_[i].writable))
      return {lends_[i].base, lends_[i].bytes};
  if (const maps::ValueArea* area = held_maps_.area_at(address)) {
    if (!(access == Access::read ? area->readable : area->writable)) return {};
    return value_around(address, reinterpret_cast<std::uint64_t>(area->base), area->stride, area->value_size);
  }
  return {};
}

bool Run::allowed(Access access, std::uint64_t address, std::uint64_t size) const noexcept {
  return find_region(access, address).allows(address, size);
}

bool Run::open_window(Access access, unsigned reg, std::uint64_t address, std::uint64_t size) noexcept {
  const Window window = find_region(access, address);
  if (!window.allows(address, size)) return false;
  windows_[static_cast<unsigned>(access)][reg] = window;
  if (address >= frame_pointer_ - kFrameBytes && address < stack_top())
    stack_windows_ |= 1u << (static_cast<unsigned>(access) * isa::kRegisters + reg);
  return true;
}

void Run::open_value(const maps::MapStorage& map, const Registers& r) noexcept {
  for (const maps::ValueArea& area : map.value_areas()) {
    if (r[0] - reinterpret_cast<std::uint64_t>(area.base) >= area.bytes) continue;
    const Window value{r[0], area.value_size};
    windows_[static_cast<unsigned>(Access::read)][0] = area.readable ? value : Window{};
    windows_[static_cast<unsigned>(Access::write)][0] = area.writable ? value : Window{};
  }
}

const lower::Image* Run::tail_target(const Registers& r) noexcept {
  maps::ProgArrayMap* array = helpers::map_of(r[2]).prog_array();
  const auto index = static_cast<std::uint32_t>(r[3]);
  if (array == nullptr || index >= array->spec().max_entries || tail_calls_ == kMaxTailCalls) return nullptr;
  ++tail_calls_;
  Target target = array->target(index);
  if (target == nullptr) return nullptr;
  const Target* held = new (targets_ + targets_count_ * sizeof(Target)) Target(std::move(target));
  ++targets_count_;
  return static_cast<const lower::Image*>(held->get());
}

void Run::switch_to(const lower::Image& image) noexcept {
  current_ = &image;
  clear_frame(image.functions.front());
  regions_changed();
}

void Run::fault(const lower::Op& op, FaultKind kind, std::uint64_t address, std::uint64_t size) noexcept {
  ended_ = true;
  fault_.kind = kind;
  fault_.pc = current_->pcs[static_cast<std::size_t>(&op - current_->ops.data())];
  fault_.address = address;
  fault_.size = size;
  fault_.program = current_->program;
  name_region(address);
}

/// Finds what the program most likely meant: the region that ends at or before the address, or holds it.
void Run::name_region(std::uint64_t address) noexcept {
  constexpr std::uint64_t kNear = 4096;
  const auto consider = [&](std::uint64_t base, std::uint64_t bytes, std::string_view name) {
    if (base == 0 || address - base >= bytes + kNear || (fault_.region_base != 0 && base < fault_.region_base)) return;
    fault_.region_base = base;
    fault_.region_bytes = bytes;
    fault_.region.fill(0);
    std::copy_n(name.begin(), std::min(name.size(), fault_.region.size() - 1), fault_.region.begin());
  };
  consider(frame_pointer_ - kFrameBytes, stack_top() - frame_pointer_ + kFrameBytes, "stack");
  consider(structured_.address, structured_.bytes, "context");
  for (unsigned i = 0; i < memories_count_; ++i)
    consider(reinterpret_cast<std::uint64_t>(memories_[i].base), memories_[i].bytes, memories_[i].name);
  for (unsigned i = 0; i < records_count_; ++i)
    consider(reinterpret_cast<std::uint64_t>(records_[i].bytes), records_[i].size, "ring-buffer record");
  const auto consider_value = [&](std::uint64_t base, std::uint64_t bytes, std::uint32_t stride, std::uint32_t size,
                                  std::string_view name) {
    if (address - base >= bytes + kNear) return;
    const std::uint64_t index = std::min((address - base) / stride, bytes / stride - 1);
    consider(base + index * stride, size, name);
  };
  for (const lower::MapRegion& region : current_->regions)
    consider_value(region.base, region.bytes, region.stride, region.value_size, region.map->spec().name);
  held_maps_.for_each_near([&](const maps::MapStorage& map) {
    for (const maps::ValueArea& area : map.value_areas())
      consider_value(reinterpret_cast<std::uint64_t>(area.base), area.bytes, area.stride, area.value_size,
                     map.spec().name);
  });
}

}  // namespace skep::vm
