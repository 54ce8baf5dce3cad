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

/// How much of its budget a run gets at once when another thread may stop it: less than a millisecond of work, even if
/// each instruction has to look for the region that it accesses.
constexpr std::uint64_t kSlice = std::uint64_t{1} << 15;

constexpr std::atomic<bool> kNeverStops = false;

using Target = std::shared_ptr<const maps::TailTarget>;

/// A proof says nothing of how long a run takes, of what the application does, and of how deep programs nest that were
/// tail-called out of functions.
bool contradicts_proof(FaultKind kind) noexcept {
  return kind != FaultKind::budget && kind != FaultKind::stopped && kind != FaultKind::host_exception &&
         kind != FaultKind::wrong_context && kind != FaultKind::call_depth;
}

/// The value, of a row of such, that holds `address`; a window that allows nothing between two values.
Window value_around(std::uint64_t address, std::uint64_t base, std::uint32_t stride, std::uint32_t size) noexcept {
  const std::uint64_t value = base + (address - base) / stride * stride;
  return address - value < size ? Window{value, size} : Window{};
}

}  // namespace

Run::Run(const lower::Image& image, Context& context, const RunOptions& options, RunResult& result) noexcept
    : image_(image),
      context_(context),
      total_(options.budget),
      stop_(options.stop != nullptr ? options.stop : &kNeverStops),
      result_(result),
      counted_(options.budget != RunOptions::kNoBudget || options.stop != nullptr) {
  const Context::Structured& structured = context.structured();
  m_.env = this;
  m_.budget = options.stop != nullptr ? std::min(kSlice, total_) : total_;
  reserve_ = total_ - m_.budget;
  m_.frame_pointer = stack_top();
  m_.lowest_frame = stack_top() - (kMaxFrames - 1) * kFrameBytes;
  m_.may_goto_left = kMayGotoLimit;
  m_.stack_windows = 0;
  m_.context_base = structured.address;
  m_.context_bytes = structured.bytes;
  m_.current = &image;
  m_.calling = nullptr;
  m_.unwind_sp = 0;
  m_.stop = stop_;
  m_.ended = 0;
  m_.cpu = kNoCpu;
}

void Run::give_back() noexcept {
  for (unsigned i = 0; i < records_count_; ++i) records_[i].ring->discard(records_[i].bytes, 0);
  for (unsigned i = 0; i < targets_count_; ++i) std::launder(reinterpret_cast<Target*>(targets_))[i].~Target();
  if (m_.cpu != kNoCpu) image_.host->release_cpu(static_cast<unsigned>(m_.cpu));
}

void Run::finish() noexcept {
  std::uint64_t value = 0;
  if (image_.suits(context_))
    value = begin();
  else
    fault(*ops_of(image_), FaultKind::wrong_context);
  if (m_.ended == 0) result_.value = value;
  if (total_ != RunOptions::kNoBudget) result_.insns = total_ - reserve_ - m_.budget;
}

std::uint64_t Run::begin() {
  const Context::Entry entry = context_.entry();
  if (const NativeCode* native = native_of(image_)) {
    if (native->uses_windows) regions_changed();
    return native->start(&m_, entry.r1, entry.r2);
  }
  if (image_.uses_windows) regions_changed();
  const lower::Function& function = image_.functions.front();
  Frame& frame = frames_.front();  // of which nothing is kept: nobody comes back to what was before it
  frame.r = {0, entry.r1, entry.r2};
  frame.r[isa::kFramePointer] = m_.frame_pointer;
  frame.back.op = nullptr;
  frame.back.entered = {};
  clear_frame(function);
  return interpret(ops_of(image_) + function.op, frame);
}

std::uint64_t Run::enter(const lower::Function& function, const std::array<std::uint64_t, 5>& args) {
  const lower::Image& image = *m_.current;
  const std::uint64_t outer = m_.frame_pointer;
  Frame& frame = frames_[depth()];
  frame.r = {0, args[0], args[1], args[2], args[3], args[4]};
  frame.back.entered = {};
  begin_frame(frame, nullptr, outer - kFrameBytes);
  std::uint64_t r0 = 0;
  if (const NativeCode* native = native_of(image)) {
    r0 = native->enter(frame.r, native->functions[static_cast<std::size_t>(&function - image.functions.data())], m_);
  } else {
    clear_frame(function);
    r0 = interpret(ops_of(image) + function.op, frame);
  }
  if (m_.ended == 0) end_frame(frame.back, outer);
  return r0;
}

std::uint64_t Run::interpret(const lower::Op* op, Frame& frame) {
  return counted_ ? execute<true>(*this, op, frame) : execute<false>(*this, op, frame);
}

const NativeCode* Run::native_of(const lower::Image& image) const noexcept {
  const NativeCode* native = image.native.get();
  if (native == nullptr || (!native->metered && total_ != RunOptions::kNoBudget)) return nullptr;
  // A program that was tail-called from deep inside another may find fewer frames than its proof counts on: then the
  // interpreter sees how far it gets.
  const bool fits = (native->frames - 1) * kFrameBytes <= m_.frame_pointer - m_.lowest_frame;
  return fits ? native : nullptr;
}

bool Run::next_slice(const lower::Op& op) noexcept {
  if (stop_->load(std::memory_order_relaxed)) {
    fault(op, FaultKind::stopped);
    return false;
  }
  const std::uint64_t slice = std::min(kSlice, reserve_);
  m_.budget += slice;
  reserve_ -= slice;
  if (slice == 0) fault(op, FaultKind::budget);
  return slice != 0;
}

void Run::come_back(const Frame::Return& back) noexcept {
  if (m_.stack_windows != 0 || m_.current != back.image) leave_stack(*back.image);
  if (back.image->plain_frames) return;
  m_.may_goto_left = back.may_goto_left;
  m_.stack_windows = back.stack_windows;
}

void Run::enter_again(Frame& frame, const lower::Image& target) noexcept {
  if (target.proven) return;
  const bool nested = frame.back.op != nullptr;
  if (nested && frame.back.image->proven) {
    // There it was of no account what these held.
    frame.r[0] = 0;
    std::fill_n(frame.r.begin() + 6, 4, 0);
  } else {
    std::copy_n(nested ? (&frame)[-1].r.begin() + 6 : frame.back.entered.begin(), 4, frame.r.begin() + 6);
  }
}

void Run::leave_stack(const lower::Image& caller) noexcept {
  if (m_.current != &caller) {
    m_.current = &caller;
    regions_changed();
    return;
  }
  for (; m_.stack_windows != 0; m_.stack_windows &= m_.stack_windows - 1) {
    const auto index = static_cast<unsigned>(std::countr_zero(m_.stack_windows));
    m_.windows[index / isa::kRegisters][index % isa::kRegisters].span = 0;
  }
}

void Run::clear_stack(std::uint32_t bytes) noexcept {
  std::memset(reinterpret_cast<void*>(m_.frame_pointer - bytes), 0, bytes);
}

unsigned Run::cpu() noexcept {
  if (m_.cpu == kNoCpu) m_.cpu = image_.host->acquire_cpu();
  return static_cast<unsigned>(m_.cpu);
}

const std::byte* Run::readable(std::uint64_t address, std::uint64_t size) noexcept {
  return allowed(Access::read, address, size) ? reinterpret_cast<const std::byte*>(address) : nullptr;
}

std::byte* Run::writable(std::uint64_t address, std::uint64_t size) noexcept {
  return allowed(Access::write, address, size) ? reinterpret_cast<std::byte*>(address) : nullptr;
}

bool Run::call_back(std::uint64_t function, const std::array<std::uint64_t, 5>& args, std::uint64_t& r0) {
  const lower::Function* callee = m_.current->function_at(function);
  if (callee == nullptr || depth() == kMaxFrames) {
    fault(*m_.calling, callee == nullptr ? FaultKind::bad_call : FaultKind::call_depth, function);
    return false;
  }
  if (stop_->load(std::memory_order_relaxed)) {
    fault(*m_.calling, FaultKind::stopped);
    return false;
  }
  const lower::Op* outer = m_.calling;
  r0 = enter(*callee, args);
  m_.calling = outer;
  return !m_.ended;
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
  knows_memories_ = false;
  if (!m_.current->uses_windows) return;
  for (auto& windows : m_.windows) windows.fill({});
}

std::span<const Context::Memory> Run::memories() noexcept {
  if (!knows_memories_) memories_count_ = context_.memories(memories_);
  knows_memories_ = true;
  return std::span(memories_).first(memories_count_);
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

Window Run::find_region(Access access, std::uint64_t address) noexcept {
  const std::uint64_t stack_bottom = m_.frame_pointer - kFrameBytes;
  if (address - stack_bottom < stack_top() - stack_bottom) return {stack_bottom, stack_top() - stack_bottom};
  for (const Context::Memory& memory : memories()) {
    const auto base = reinterpret_cast<std::uint64_t>(memory.base);
    if (address - base < memory.bytes && (access == Access::read || memory.writable)) return {base, memory.bytes};
  }
  if (const lower::MapRegion* region = m_.current->region_at(address)) {
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

bool Run::allowed(Access access, std::uint64_t address, std::uint64_t size) noexcept {
  return find_region(access, address).allows(address, size);
}

bool Run::open_window(Access access, unsigned reg, std::uint64_t address, std::uint64_t size) noexcept {
  const Window window = find_region(access, address);
  if (!window.allows(address, size)) return false;
  m_.windows[static_cast<unsigned>(access)][reg] = window;
  if (address >= m_.frame_pointer - kFrameBytes && address < stack_top())
    m_.stack_windows |= 1u << (static_cast<unsigned>(access) * isa::kRegisters + reg);
  return true;
}

void Run::open_value(const maps::MapStorage& map, const Registers& r) noexcept {
  for (const maps::ValueArea& area : map.value_areas()) {
    if (r[0] - reinterpret_cast<std::uint64_t>(area.base) >= area.bytes) continue;
    const Window value{r[0], area.value_size};
    m_.windows[static_cast<unsigned>(Access::read)][0] = area.readable ? value : Window{};
    m_.windows[static_cast<unsigned>(Access::write)][0] = area.writable ? value : Window{};
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
  const auto* image = static_cast<const lower::Image*>(held->get());
  if (image->suits(context_)) return image;
  m_.current = image;
  fault(*ops_of(*image), FaultKind::wrong_context);
  return nullptr;
}

void Run::switch_to(const lower::Image& image) noexcept {
  m_.current = &image;
  m_.may_goto_left = kMayGotoLimit;
  regions_changed();
}

void Run::fault(const lower::Op& op, FaultKind kind, std::uint64_t address, std::uint64_t size) noexcept {
  m_.ended = 1;
  fault_ = &result_.fault.emplace();
  fault_->kind = kind;
  fault_->pc = m_.current->pcs[static_cast<std::size_t>(&op - ops_of(*m_.current))];
  fault_->address = address;
  fault_->size = size;
  fault_->program = m_.current->program;
  // Whom to blame, where a proof said that this cannot happen.
  fault_->proven_otherwise = m_.current->enforced && contradicts_proof(kind);
  name_region(address);
}

/// Finds what the program most likely meant: the region that ends at or before the address, or holds it.
void Run::name_region(std::uint64_t address) noexcept {
  constexpr std::uint64_t kNear = 4096;
  const auto consider = [&](std::uint64_t base, std::uint64_t bytes, std::string_view name) {
    if (base == 0 || address - base >= bytes + kNear || (fault_->region_base != 0 && base < fault_->region_base))
      return;
    fault_->region_base = base;
    fault_->region_bytes = bytes;
    fault_->region.fill(0);
    std::copy_n(name.begin(), std::min(name.size(), fault_->region.size() - 1), fault_->region.begin());
  };
  consider(m_.frame_pointer - kFrameBytes, stack_top() - m_.frame_pointer + kFrameBytes, "stack");
  consider(m_.context_base, m_.context_bytes, "context");
  for (const Context::Memory& memory : memories())
    consider(reinterpret_cast<std::uint64_t>(memory.base), memory.bytes, memory.name);
  for (unsigned i = 0; i < records_count_; ++i)
    consider(reinterpret_cast<std::uint64_t>(records_[i].bytes), records_[i].size, "ring-buffer record");
  const auto consider_value = [&](std::uint64_t base, std::uint64_t bytes, std::uint32_t stride, std::uint32_t size,
                                  std::string_view name) {
    if (address - base >= bytes + kNear) return;
    const std::uint64_t index = std::min((address - base) / stride, bytes / stride - 1);
    consider(base + index * stride, size, name);
  };
  for (const lower::MapRegion& region : m_.current->regions)
    consider_value(region.base, region.bytes, region.stride, region.value_size, region.map->spec().name);
  held_maps_.for_each_near([&](const maps::MapStorage& map) {
    for (const maps::ValueArea& area : map.value_areas())
      consider_value(reinterpret_cast<std::uint64_t>(area.base), area.bytes, area.stride, area.value_size,
                     map.spec().name);
  });
}

namespace {

/// In a function of its own: who does without a Run makes no room for one.
[[gnu::noinline]] RunResult run_whole(const lower::Image& image, Context& context, const RunOptions& options) noexcept {
  RunResult result;
  Run(image, context, options, result).finish();
  return result;
}

}  // namespace

RunResult run(const lower::Image& image, Context& context, const RunOptions& options) noexcept {
  const NativeCode* native = image.native.get();
  if (native == nullptr || native->needs_run || options.budget != RunOptions::kNoBudget || !image.suits(context))
    return run_whole(image, context, options);
  RunResult result;
  result.value = native->start(nullptr, context.entry().r1, context.entry().r2);
  return result;
}

}  // namespace skep::vm
