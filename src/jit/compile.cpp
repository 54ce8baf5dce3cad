// Plan, emit, place, publish.
#include "jit/compile.hpp"

#include <string>

#include "jit/code_memory.hpp"
#include "jit/emitter.hpp"

namespace skep::jit {
namespace {

/// Keeps the first thing that went wrong; asmjit goes on, and its result is thrown away.
class FirstError final : public asmjit::ErrorHandler {
 public:
  void handleError(asmjit::Error error, const char* message, asmjit::BaseEmitter*) override {
    if (error_ != asmjit::kErrorOk) return;
    error_ = error;
    message_ = message;
  }
  [[nodiscard]] bool happened() const noexcept { return error_ != asmjit::kErrorOk; }
  [[nodiscard]] asmjit::Error code() const noexcept { return error_; }
  [[nodiscard]] const std::string& message() const noexcept { return message_; }

 private:
  asmjit::Error error_ = asmjit::kErrorOk;
  std::string message_;
};

struct Code final : vm::NativeCode {
  CodeMemory memory;
};

Result<CodeMemory> place(asmjit::CodeHolder& code, const FirstError& error, const Options& options) {
  code.flatten();
  code.resolveUnresolvedLinks();
  if (error.happened()) return fail(ErrorCode::invalid, "jit", error.message());
  const auto start = options.random_start ? CodeMemory::Start::random : CodeMemory::Start::first;
  const auto kind = options.sealed ? CodeMemory::Kind::sealed : CodeMemory::Kind::plain;
  auto memory = CodeMemory::allocate(code.codeSize(), reinterpret_cast<std::uint64_t>(&compile), start);
  if (!memory) return memory;
  const std::span<std::byte> room = memory->draft();
  code.relocateToBase(reinterpret_cast<std::uint64_t>(memory->code().data()));
  code.copyFlattenedData(room.data(), room.size());
  if (error.happened()) return fail(ErrorCode::invalid, "jit", error.message());
  if (auto published = memory->publish(kind); !published) return fail(std::move(published).error());
  return memory;
}

}  // namespace

bool available() noexcept { return true; }

Result<std::shared_ptr<const vm::NativeCode>> compile(const lower::Image& image, const Options& options) {
  Plan plan = make_plan(image, options);
  FirstError error;
  asmjit::CodeHolder holder;
  holder.init(asmjit::Environment::host());
  holder.setErrorHandler(&error);
  const auto emitter = make_emitter(plan, holder);
  emitter->emit_all();
  auto memory = place(holder, error, options);
  if (!memory) {
    Options longer = options;
    longer.long_jumps = true;
    const bool again = error.code() == asmjit::kErrorInvalidDisplacement && !options.long_jumps;
    return again ? compile(image, longer) : fail(std::move(memory).error());
  }

  auto code = std::make_shared<Code>();
  code->memory = std::move(*memory);
  std::byte* base = code->memory.code().data();
  code->start = reinterpret_cast<vm::NativeCode::Start>(base + emitter->start_at());
  if (emitter->has_enter()) code->enter = reinterpret_cast<vm::NativeCode::Enter>(base + emitter->enter_at());
  code->interpret = base + emitter->interpret_at();
  for (std::size_t i = 0; i < plan.functions.size(); ++i) code->functions.push_back(base + emitter->function_at(i));
  code->metered = options.metered;
  code->uses_windows = plan.uses_windows;
  code->needs_run = !plan.stands_alone;
  code->frames = plan.frames;
  code->refunds = std::move(plan.refunds);
  code->code = {code->memory.code(), emitter->parts()};
  return std::shared_ptr<const vm::NativeCode>(std::move(code));
}

}  // namespace skep::jit
