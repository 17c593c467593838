import * as z from 'zod';

/** A schema that holds itself, by a getter and by `z.lazy`. */
export interface Tree {
  name: string;
  children: Tree[];
}

export const ByGetter = z.object({
  name: z.string(),
  get children(): z.ZodArray<z.ZodType<Tree>> {
    return z.array(ByGetter as z.ZodType<Tree>);
  },
});
export const ByLazy: z.ZodType<Tree> = z.object({ name: z.string(), children: z.lazy(() => z.array(ByLazy)) });
