// Building and running: the public handle over lower/ and vm/.
#include <skep/executable.hpp>

#include <cerrno>

#include "api/object_data.hpp"
#include "api/static_slots.hpp"
#include "jit/compile.hpp"
#include "maps/prog_array.hpp"
#include "vm/native.hpp"
#include "vm/run.hpp"

namespace skep {

struct Executable::Data {
  Program program;
  std::shared_ptr<const lower::Image> image;
};

Result<Executable> Executable::build(const Program& program, const BuildOptions& options) {
  if (options.mode == Mode::enforced)
    return fail(ErrorCode::invalid, "program " + program.name(), "enforced mode needs a program that was verified");
  auto image = build_image(*program.owner(), program.data(), {options});
  if (!image) return fail(std::move(image).error());
  return Executable(std::make_shared<const Data>(Data{program, std::move(*image)}));
}

Result<Executable> Executable::build(const VerifiedProgram& program, const BuildOptions& options) {
  const Program& unproven = program.program();
  auto image = build_image(*unproven.owner(), unproven.data(), {options, true, program.options_, program.facts_});
  if (!image) return fail(std::move(image).error());
  return Executable(std::make_shared<const Data>(Data{unproven, std::move(*image)}));
}

bool Executable::has_jit() noexcept { return jit::available(); }

Executable::Executable(std::shared_ptr<const Data> data) noexcept : data_(std::move(data)) {
  const lower::Image& image = *data_->image;
  if (image.native == nullptr || image.native->needs_run) return;
  if (image.context_needs.bytes == 0)
    quick_ = {image.native->start, 0, 0};
  else if (image.needs_structure())
    quick_ = {image.native->start, ~std::uint32_t{0}, static_cast<std::uint32_t>(data_->program.type())};
}

RunResult Executable::run_whole(Context& context, const RunOptions& options) const noexcept {
  return vm::run(*data_->image, context, options);
}

const Program& Executable::program() const noexcept { return data_->program; }

Engine Executable::engine() const noexcept {
  return data_->image->native != nullptr ? Engine::jit : Engine::interpreter;
}

const MachineCode* Executable::machine_code() const noexcept {
  const auto& native = data_->image->native;
  return native == nullptr ? nullptr : &native->code;
}

Result<void> Executable::put_into(const Map& map, std::uint32_t index) const {
  maps::ProgArrayMap* array = map.storage()->prog_array();
  if (array == nullptr) return fail(ErrorCode::invalid, "map " + map.name(), "is no program array", EINVAL);
  const int error = array->set(index, data_->image);
  if (error == 0) return {};
  return fail(error == -E2BIG ? ErrorCode::limit : ErrorCode::invalid, "map " + map.name(),
              error == -E2BIG ? "slot " + std::to_string(index) + " is past its end"
                              : "holds programs of another type than " + data_->program.name(),
              -error);
}

}  // namespace skep
